import pytest

from trainables import Runtime, measure_precision
from trainables.families import FAMILIES
from trainables.precision import choose
from trainables.variant import Variant

PLAIN = Variant(precision="float32", fused_batch_norm=False)
FUSED = Variant(precision="float32", fused_batch_norm=True)
HALF = Variant(precision="mixed_bfloat16", fused_batch_norm=False)
BOTH = Variant(precision="mixed_bfloat16", fused_batch_norm=True)


@pytest.mark.parametrize(("gain", "pays"), [(1.19, False), (1.21, True)])
def test_xla_has_to_win_back_what_it_takes_to_compile(gain, pays):
    compiled = Variant(precision="mixed_bfloat16", fused_batch_norm=True, xla=True)
    rates = {PLAIN: 100, FUSED: 150, HALF: 160, BOTH: 200, compiled: 200 * gain}
    assert choose(rates) == (compiled if pays else BOTH)


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ((100, 100, 100, 100), PLAIN),
        ((100, 104, 90, 90), PLAIN),
        ((100, 106, 90, 90), FUSED),
        ((100, 90, 114, 100), PLAIN),
        ((100, 90, 116, 100), HALF),
        ((100, 150, 160, 170), FUSED),
        ((100, 150, 160, 174), BOTH),
    ],
)
def test_a_variant_is_taken_when_its_gain_is_worth_it(rates, chosen):
    variants = (PLAIN, FUSED, HALF, BOTH)
    assert choose(dict(zip(variants, rates, strict=True))) == chosen


def test_a_gpu_has_no_fused_variant():
    half = Variant(precision="mixed_float16", fused_batch_norm=False)
    assert choose({PLAIN: 100, half: 200}) == half


@pytest.mark.parametrize("family", FAMILIES)
def test_it_measures_every_variant_and_names_a_runtime(monkeypatch, family):
    monkeypatch.setattr("trainables.precision._SECONDS_PER_VARIANT", 0.05)
    figures = measure_precision(family=family, image_size=16, channels=1, with_xla=False)
    rates = figures["images_per_second"]
    variants = (PLAIN, HALF) if family == "transfer" else (PLAIN, FUSED, HALF, BOTH)
    assert set(rates) == {each.name for each in variants}
    assert all(rate > 0 for rate in rates.values())
    chosen = Variant(precision=figures["precision"], fused_batch_norm=figures["fused_batch_norm"])
    assert figures["gain"] == pytest.approx(rates[chosen.name] / rates[PLAIN.name], rel=0.01)
    assert (figures["device"], figures["threads"]) == ("cpu", 1)
    Runtime(threads=1, precision=figures["precision"], fused_batch_norm=figures["fused_batch_norm"])


def test_xla_is_measured_beside_the_best_without_it(monkeypatch):
    def rate(family, task, variant, batch_size):
        return 300.0 if variant.xla else 100.0 + 50.0 * variant.fused_batch_norm

    monkeypatch.setattr("trainables.precision._images_per_second", rate)
    figures = measure_precision(family="mini_vgg", image_size=16, channels=1, with_xla=True)
    assert figures["images_per_second"]["float32+fused_batch_norm+xla"] == 300.0
    assert (figures["xla"], figures["gain"]) == (True, 3.0)
