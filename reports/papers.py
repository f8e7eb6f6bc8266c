"""The two source papers' figures beside the rows that ran their settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.leaderboard import LeaderboardRow
from reports.records import Origin
from reports.wording import model

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
        published: Test accuracy in the paper, in per cent.
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
_TRANSFER = _Published(
    "ResNet50V2", "97 frozen, 99.54 fine-tuned", "chosen among thirteen backbones"
)


def compare_with_papers(rows: Sequence[LeaderboardRow]) -> list[PaperComparison]:
    """Pair each row of a paper's setting with what that paper reports.

    Backbones of which the papers give no figure are paired with none.
    """
    paired = []
    for row in rows:
        published = _TRANSFER if row.backbone == _BACKBONE else _CUSTOM.get(row.family)
        if row.origin is Origin.PAPER and published is None:
            paired.append(PaperComparison(model(row), "not given", row, "named by no paper"))
        elif row.origin is Origin.PAPER and published is not None:
            network, accuracy, note = published.network, published.test_accuracy, published.note
            paired.append(PaperComparison(network, accuracy, row, note))
    return paired
