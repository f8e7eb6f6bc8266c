from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import fake_run
from fake_screening import screen_records

from reports import Origin, Run, Stage, TrialRecord, build_leaderboard
from reports.papers import PaperComparison, compare_with_papers

_PAPER_RESNET = replace(
    fake_run().records[3], trial_id="p", backbone="ResNet50V2", val_accuracy=0.95
)
_OTHER_RESNET = replace(_PAPER_RESNET, trial_id="s", origin=Origin.SAMPLER, val_accuracy=0.97)


def _tuned(parent: TrialRecord, name: str, accuracy: float) -> TrialRecord:
    return replace(
        parent,
        trial_id=name,
        stage=Stage.FINE_TUNE,
        parent_id=parent.trial_id,
        val_accuracy=accuracy,
        fine_tune={"learning_rate": 1e-4},
    )


def _pairs(*records: TrialRecord) -> dict[str, PaperComparison]:
    rows = build_leaderboard(Run(Path("/nowhere"), {}, records, None))
    pairs = compare_with_papers(rows)
    assert len({pair.row.trial_id for pair in pairs}) == len(pairs)
    return {pair.row.trial_id: pair for pair in pairs}


def test_resnet_stands_twice_frozen_and_fine_tuned():
    pairs = _pairs(_PAPER_RESNET, _tuned(_PAPER_RESNET, "p-ft", 0.96))
    assert {name: (pair.network, pair.published) for name, pair in pairs.items()} == {
        "p": ("ResNet50V2 transfer", "97"),
        "p-ft": ("ResNet50V2 fine-tuned", "99.54, loss 0.0160"),
    }
    assert pairs["p-ft"].note == pairs["p"].note == "chosen among thirteen backbones"


def test_the_papers_own_trial_fine_tuned_goes_before_a_better_one():
    records = (
        _PAPER_RESNET,
        _OTHER_RESNET,
        _tuned(_PAPER_RESNET, "p-ft", 0.96),
        _tuned(_PAPER_RESNET, "p-ft2", 0.965),
        _tuned(_OTHER_RESNET, "s-ft", 0.99),
    )
    assert set(_pairs(*records)) == {"p", "p-ft2"}


@pytest.mark.parametrize("with_paper", [True, False])
def test_else_the_best_fine_tuned_resnet_stands_there_and_says_so(with_paper: bool):
    records = [
        _OTHER_RESNET,
        _tuned(_OTHER_RESNET, "s-ft", 0.98),
        _tuned(_OTHER_RESNET, "s-ft2", 0.975),
    ]
    pairs = _pairs(*records, *([_PAPER_RESNET] if with_paper else []))
    assert set(pairs) == ({"p", "s-ft"} if with_paper else {"s-ft"})
    assert pairs["s-ft"].note.endswith("; ours began from trial s, not from the paper's setting")


def test_another_backbone_fine_tuned_is_no_pair():
    other = replace(_PAPER_RESNET, backbone="VGG16")
    assert set(_pairs(other, _tuned(other, "p-ft", 0.99))) == {"p"}


def test_of_the_other_backbones_there_is_no_number():
    others = [
        replace(one, trial_id=f"t-{one.backbone}", stage=Stage.SEARCH)
        for one in screen_records()
        if one.backbone != "ResNet50V2"
    ]
    pairs = _pairs(*others)
    assert len(pairs) == 12
    for pair in pairs.values():
        assert pair.network == pair.row.backbone
        assert pair.published == "rank only in a figure, no number"


def test_screened_backbones_are_no_settings_of_the_papers():
    assert _pairs(*screen_records(both_ways=True)) == {}


def test_custom_families_are_paired_as_before():
    pairs = _pairs(*fake_run().records)
    told = {pair.network: pair.published for pair in pairs.values()}
    assert told == {
        "5-Conv CNN": "93.8",
        "Mini-VGGNet": "about 89",
        "Mini-ResNet": "about 93",
        "MobileNetV2": "rank only in a figure, no number",
    }
    stranger = replace(fake_run().records[0], family="mine")
    assert _pairs(stranger)["0000"].published == "not given"
