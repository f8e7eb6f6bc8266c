"""experiments/papers.yaml from its file to its report: small sizes and random weights, all rows."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import CLASSES, draw

from spaces import DEFAULT_BACKBONES

PAPERS = Path(__file__).resolve().parents[2] / "experiments" / "papers.yaml"

SMALL = (
    # The least that 5-Conv's five blocks and InceptionV3 take.
    *("--set", "data.image_size=64", "--set", "families.transfer.image_size=75"),
    *("--set", "training.epochs=2"),
)

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def few_images(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("few") / "drawn", training=20, testing=5)


@pytest.fixture(scope="module")
def run(neurosweep, work, few_images):
    done = neurosweep(
        *("search", PAPERS, "--data", few_images, "--output", "runs/papers", *SMALL),
        *("--set", "families.transfer.weights=random"),
        timeout=1400,
    )
    assert done.returncode == 0, done.stderr
    return work / "runs" / "papers"


def rows(run):
    return pq.read_table(run / "leaderboard.parquet").to_pylist()


def test_it_does_not_start_without_weights(neurosweep, work, few_images, tmp_path):
    done = neurosweep(
        *("search", PAPERS, "--data", few_images, "--output", "runs/refused", *SMALL),
        *("--set", f"families.transfer.weights={tmp_path}"),
    )
    assert done.returncode == 2
    assert "13 of 13" in done.stderr
    assert "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in done.stderr
    assert not (work / "runs" / "refused").exists()


def test_every_setting_of_the_papers_has_its_row(run):
    searched = [row for row in rows(run) if row["stage"] == "search"]
    assert {row["origin"] for row in searched} == {"paper"}
    assert sorted(row["backbone"] for row in searched if row["backbone"]) == sorted(
        DEFAULT_BACKBONES
    )
    custom = {row["family"] for row in searched if not row["backbone"]}
    assert custom == {"plain_cnn", "mini_vgg", "mini_resnet"}
    assert all(row["status"] == "completed" for row in searched)


def test_resnet50v2_is_fine_tuned_in_paper_as_way(run):
    [tuned] = [
        row for row in rows(run) if row["stage"] == "fine_tune" and row["backbone"] == "ResNet50V2"
    ]
    plan = json.loads(tuned["fine_tune"])
    assert (plan["learning_rate"], plan["depth"], plan["rate_decay"]) == (1e-4, 1.0, 1.0)
    assert tuned["test_accuracy"] is not None


def test_all_rows_have_seen_the_test_set_and_it_was_opened_once(run):
    searched = [row for row in rows(run) if row["stage"] == "search"]
    assert all(row["test_accuracy"] is not None for row in searched)


def test_all_thirteen_were_screened(run):
    screened = [row for row in rows(run) if row["stage"] == "screen"]
    assert sorted(row["backbone"] for row in screened) == sorted(DEFAULT_BACKBONES)
    assert all(row["weights"] == "random" for row in screened)


def test_the_report_has_the_papers_figures_beside_ours(run):
    page = (run / "report.html").read_text()
    for told in ("93.8", "about 89", "about 93", "99.54", "5-Conv CNN", "Mini-VGGNet"):
        assert told in page
    assert "RANDOM" in page or "random weights" in page


def test_the_winner_predicts(neurosweep, run, few_images):
    image = next((few_images / "Testing" / "glioma").iterdir())
    done = neurosweep("predict", run, image, "--format", "json")
    assert done.returncode == 0, done.stderr
    [told] = json.loads(done.stdout)
    assert abs(sum(told[name] for name in CLASSES) - 1) < 1e-4
