"""The two source papers' figures beside the rows that ran their settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.leaderboard import LeaderboardRow
from reports.records import Origin, Stage
from reports.wording import is_papers_setting, model

__all__ = ["ASSUMPTIONS", "PaperComparison", "compare_with_papers"]


@dataclass(frozen=True)
class _Published:
    network: str
    test_accuracy: str
    note: str


@dataclass(frozen=True)
class PaperComparison:
    """One network of the papers and the row that ran its setting here.

    Attributes:
        network: The network's name in the paper.
        published: Test accuracy in the paper, in per cent, or why there is none.
        row: Our row.
        note: What to know of the paper's protocol.
    """

    network: str
    published: str
    row: LeaderboardRow
    note: str


ASSUMPTIONS = (
    "The papers trained on the Kaggle Brain Tumor MRI images at 150 px; these rows ran at this "
    "experiment's images, size and epochs: compare with care, and not at all on other data.",
    "Ours, because the papers leave it open: learning rate (1e-3), batch size (32) and epochs, "
    "unless the experiment sets them; 5-Conv's 3-by-3 kernels and FC widths of 512; input size of "
    "Mini-VGGNet and Mini-ResNet; "
    "Mini-ResNet's stem and its blocks of 64 filters; the list of thirteen backbones, each with "
    "its own preprocessing.",
)
"""What has to be said beside any comparison with the papers."""

_CUSTOM: Mapping[str, _Published] = {
    "plain_cnn": _Published("5-Conv CNN", "93.8", "validated while training"),
    "mini_vgg": _Published("Mini-VGGNet", "about 89", "test curves were watched while training"),
    "mini_resnet": _Published("Mini-ResNet", "about 93", "no validation part"),
}
_BACKBONE = "ResNet50V2"
# Paper A's text: frozen with a new head, then with its top block trained on.
_TRANSFER = _Published("ResNet50V2 transfer", "97", "chosen among thirteen backbones")
_FINE_TUNED = _Published(
    "ResNet50V2 fine-tuned", "99.54, loss 0.0160", "chosen among thirteen backbones"
)
_RANK_ONLY = "rank only in a figure, no number"


def compare_with_papers(rows: Sequence[LeaderboardRow]) -> list[PaperComparison]:
    """Pair each row of a paper's setting with what that paper reports, in the rows' order.

    ResNet50V2 has two pairs: as it was trained with a frozen backbone, and fine-tuned; the latter
    is the fine-tuning of the paper's trial or, where there is none, the best of another trial of
    ResNet50V2. Of the other backbones the paper has no figure. Screened backbones are no trials.
    """
    tuned = _fine_tuned(rows)
    pairs = (_tuned_pair(row, rows) if row is tuned else _pair(row) for row in rows)
    return [pair for pair in pairs if pair is not None]


def _fine_tuned(rows: Sequence[LeaderboardRow]) -> LeaderboardRow | None:
    """The fine-tuning that stands beside the paper's; rows come best first."""
    tuned = [row for row in rows if _is_resnet(row, Stage.FINE_TUNE)]
    own = [row for row in tuned if row.parent_id in _paper_trials(rows)]
    return next(iter([*own, *tuned]), None)


def _paper_trials(rows: Sequence[LeaderboardRow]) -> set[str]:
    return {
        row.trial_id for row in rows if _is_resnet(row, Stage.SEARCH) and row.origin is Origin.PAPER
    }


def _is_resnet(row: LeaderboardRow, stage: Stage) -> bool:
    return row.backbone == _BACKBONE and row.stage is stage


def _tuned_pair(row: LeaderboardRow, rows: Sequence[LeaderboardRow]) -> PaperComparison:
    note = _FINE_TUNED.note
    if row.parent_id not in _paper_trials(rows):
        note += f"; ours began from trial {row.parent_id}, not from the paper's setting"
    return PaperComparison(_FINE_TUNED.network, _FINE_TUNED.test_accuracy, row, note)


def _pair(row: LeaderboardRow) -> PaperComparison | None:
    # Of backbones, what was fine-tuned beyond the pair above stands in the leaderboard only.
    trained_on = row.backbone is not None and row.stage is not Stage.SEARCH
    if trained_on or not is_papers_setting(row):
        return None
    published = _published(row)
    return PaperComparison(published.network, published.test_accuracy, row, published.note)


def _published(row: LeaderboardRow) -> _Published:
    if row.backbone == _BACKBONE:
        return _TRANSFER
    if row.backbone is not None:
        return _Published(model(row), _RANK_ONLY, "the text gives a number for ResNet50V2 alone")
    return _CUSTOM.get(row.family, _Published(model(row), "not given", "named by no paper"))
