"""The tables of docs/spaces.md: `python -m spaces.document` prints them, a test compares them."""

from __future__ import annotations

from typing import Any

from spaces.backbones import BACKBONES, BackboneRecord
from spaces.description import describe
from spaces.families import FAMILIES
from spaces.joint import declare_space
from spaces.papers import left_open_by_papers, paper_configurations
from spaces.task import Task

__all__ = ["backbone_table", "tables"]

_TASK = Task(image_size=150, channels=1, classes=("glioma", "meningioma", "notumor", "pituitary"))


def tables() -> dict[str, str]:
    """One Markdown table for each scope: the families and training, at 150 pixels."""
    space = declare_space(_TASK, {name: {} for name in FAMILIES}, {})
    papers = _papers_values()
    rows: dict[str, list[str]] = {}
    for row in describe(space):
        scope, _, name = str(row["name"]).partition("/")
        if name:
            rows.setdefault(scope, []).append(_line(row, scope, papers))
    return {scope: "\n".join([*_HEAD, *lines]) for scope, lines in rows.items()}


def backbone_table() -> str:
    """A Markdown table of all backbones: sizes, costs, scaling, and where the top block begins."""
    return "\n".join([*_BACKBONE_HEAD, *(_backbone_line(each) for each in BACKBONES.values())])


_BACKBONE_HEAD = (
    "| backbone | native size | smallest size | parameters | multiply-adds | features | fed with "
    "| top block begins at |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)
_SCALINGS = {
    "tf": "-1 to 1",
    "caffe": "BGR minus the mean",
    "torch": "ImageNet mean and deviation",
    "inside": "0 to 255 (scales inside)",
}


def _backbone_line(record: BackboneRecord) -> str:
    cells = (
        record.name if record.in_roster else f"{record.name} (by name)",
        str(record.native_size),
        str(record.minimum_size),
        f"{record.parameters / 1e6:.1f} M",
        f"{record.multiply_adds / 1e9:.2f} G",
        str(record.feature_length),
        _SCALINGS[record.scaling],
        f"`{record.top_block_start}`",
    )
    return f"| {' | '.join(cells)} |"


_HEAD = (
    "| hyperparameter | values | only if | default | papers |",
    "| --- | --- | --- | --- | --- |",
)


def _line(row: dict[str, Any], scope: str, papers: dict[str, str]) -> str:
    short = str(row["name"]).removeprefix(f"{scope}/")
    # Every row of a family stands under its family: the heading says so already.
    condition = str(row["condition"]).removeprefix(f"family = {scope}").removeprefix(" and ")
    cells = (
        f"`{short}`",
        str(row["range"]),
        condition.replace(f"{scope}/", ""),
        str(row["default"]),
        papers.get(str(row["name"]), ""),
    )
    return f"| {' | '.join(cells)} |"


def _papers_values() -> dict[str, str]:
    """The papers' value of each hyperparameter, with the word "ours" where they leave it open."""
    found: dict[str, str] = {}
    space = declare_space(_TASK, {name: {} for name in FAMILIES}, {})
    for _, configuration in paper_configurations(space, _TASK, FAMILIES):
        ours = left_open_by_papers(configuration)
        for name, value in configuration.items():
            found[name] = f"{value} (ours)" if name in ours else str(value)
    found["transfer/backbone"] = "ResNet50V2; the other twelve are ours"
    return found


if __name__ == "__main__":
    for scope, table in tables().items():
        print(f"<!-- {scope} -->\n{table}\n")
    print(f"<!-- backbones -->\n{backbone_table()}")
