import pytest

from trainables import Runtime, measure_precision
from trainables.precision import choose
from trainables.variant import Variant

PLAIN = Variant(precision="float32", fused_batch_norm=False)
FUSED = Variant(precision="float32", fused_batch_norm=True)
HALF = Variant(precision="mixed_bfloat16", fused_batch_norm=False)
BOTH = Variant(precision="mixed_bfloat16", fused_batch_norm=True)


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


def test_it_measures_every_variant_and_names_a_runtime(monkeypatch):
    monkeypatch.setattr("trainables.precision._SECONDS_PER_VARIANT", 0.05)
    figures = measure_precision(image_size=16, channels=1, threads=1)
    rates = figures["images_per_second"]
    assert set(rates) == {each.name for each in (PLAIN, FUSED, HALF, BOTH)}
    assert all(rate > 0 for rate in rates.values())
    chosen = Variant(precision=figures["precision"], fused_batch_norm=figures["fused_batch_norm"])
    assert figures["gain"] == pytest.approx(rates[chosen.name] / rates[PLAIN.name], rel=0.01)
    assert (figures["device"], figures["threads"]) == ("cpu", 1)
    Runtime(threads=1, precision=figures["precision"], fused_batch_norm=figures["fused_batch_norm"])
