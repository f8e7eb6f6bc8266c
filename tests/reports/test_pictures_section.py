import csv
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_explanations import explanations, write_explanations
from fake_run import CLASSES, FakeRun
from page_reading import Page

from reports import Run, build_leaderboard, read_run, render_report
from reports.explanation_pictures import picture_png
from reports.pictures_section import FIRST_CARDS, PicturesSection, pictures_section

_HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    return fake.write(tmp_path / "fake-run")


def _section(path: Path, *, images: bool = True, **changes: Any) -> PicturesSection:
    write_explanations(path, {**explanations(CLASSES), **changes})
    run = read_run(path)
    section = pictures_section(run, build_leaderboard(run), images=images)
    assert section is not None
    return section


def _page(path: Path, *, images: bool = True) -> str:
    run = read_run(path)
    return render_report(run, build_leaderboard(run), images=images)


def _own(page: str) -> str:
    begin = page.index('<section id="pictures">')
    return page[begin : page.index("</section>", begin)]


def test_missed_positives_come_first_and_are_framed(path: Path):
    section = _section(path)
    assert [card.missed for card in section.first[:3]] == [True, True, False]
    assert (len(section.first), len(section.further), section.hidden) == (FIRST_CARDS, 3, 0)
    page = _own(_page(path))
    assert page.count('class="card missed"') == 2
    assert page.count('class="overlay missed"') == 2
    text = Page(f"<main>{page}").text
    assert "mini_resnet fine-tuned (trial 0010-ft) gave a wrong class to 15 of 320" in text
    assert "2 of them are positives called “notumor”" in text
    assert text.index("glioma, called notumor missed") < text.index("glioma, called meningioma")
    assert "3 further wrong answers" in text


def test_bars_tell_the_true_class_and_the_one_that_was_said(path: Path):
    first = _section(path).first[0]
    roles = {bar.name: bar.role for bar in first.bars}
    assert roles == {"glioma": "true", "meningioma": "", "notumor": "said", "pituitary": ""}
    assert sum(bar.share for bar in first.bars) == pytest.approx(1.0)
    told = explanations(CLASSES)["misclassified"]
    told[0]["probabilities"] = [1.0005, -0.0005, 0, 0]
    beyond = _section(path, misclassified=told).first[0]
    assert [bar.share for bar in beyond.bars] == [1.0, 0.0, 0.0, 0.0]
    right = _section(path).classes[0].overlays[0].card
    assert [bar.role for bar in right.bars] == ["true said", "", "", ""]


def test_every_picture_stands_there_with_words_for_it(path: Path):
    section = _section(path)
    overlays = sum(len(one.overlays) for one in section.classes)
    assert section.pictures == 15 + 3 * overlays + 1 + 4
    page = _page(path)
    pictures = [attributes for tag, attributes in Page(page).tags if tag == "img"]
    assert len(pictures) == 14 + section.pictures
    own = [attributes for tag, attributes in Page(_own(page) + "</section>").tags if tag == "img"]
    # The image below a map is there a second time: its description would be, too.
    assert sum(attributes["alt"] == "" for attributes in own) == overlays
    assert f"Pictures in this report: {14 + section.pictures}, all of computed phantoms" in page


def test_the_captions_say_what_grad_cam_is_not(path: Path):
    _section(path)
    text = Page(_own(_page(path)) + "</section>").text
    assert "Grad-CAM shows where, not why, and not whether that place should count" in text
    assert "It is made of 8 \N{MULTIPLICATION SIGN} 6 places (layer stage1_block2_relu2)" in text
    assert "Of each block the 2 channels of the highest mean are shown" in text
    assert "stem_relu 32 \N{MULTIPLICATION SIGN} 32, 1,000 channels" in text
    assert "synthetic Computed phantoms, not patients." in text


def test_a_network_without_places_says_why_there_is_no_map(path: Path):
    section = _section(path, grad_cam={"reason": "it has no <place>", "images": []})
    assert section.classes == ()
    page = _own(_page(path))
    assert "There is none: it has no &lt;place&gt;." in page
    assert 'class="scale"' not in page


def test_classes_without_a_map_are_counted(path: Path):
    assert "No map was made of" not in _own(_page(path))
    told = explanations(CLASSES)["grad_cam"]
    own = [one for one in told["images"] if one["true"] in CLASSES[:2]]
    assert _section(path, grad_cam={**told, "images": own}).unmapped == 2
    assert "No map was made of 2 further classes: there are at most 40 in all." in _own(_page(path))
    own = [one for one in told["images"] if one["true"] in CLASSES[:3]]
    _section(path, grad_cam={**told, "images": own})
    assert "No map was made of 1 further class: there" in _own(_page(path))
    _section(path, grad_cam={"reason": "it has no place", "images": []})
    assert "No map was made of" not in _own(_page(path))


def test_a_map_of_nothing_is_said(path: Path):
    told = explanations(CLASSES)
    told["grad_cam"]["images"][0]["peak"] = 0.0
    write_explanations(path, told)
    assert _own(_page(path)).count("Nothing in the image speaks for this class.") == 1


def test_an_ensemble_says_whose_maps_they_are(path: Path):
    _section(path, network="0009")
    assert "maps are of trial 0009, the member that weighs most" in _page(path)


def test_a_winner_without_an_error_has_no_gallery(path: Path):
    section = _section(path, misclassified=[], wrong=0, missed=0)
    assert section.first == ()
    assert "No test image was given a wrong class." in _page(path)


def test_pictures_are_left_out_where_they_are_not_wanted(path: Path):
    assert _section(path, images=False).pictures == 0
    page = _page(path, images=False)
    assert "<img " not in page
    assert "image/png" not in page
    assert "missing" not in _own(page)
    assert "test/<wbr>glioma/<wbr>0.png" in page
    assert "<code>--no-images</code>; names of files were not." in _own(page)


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "explanations/none.png"])
def test_a_picture_that_must_not_be_shown_is_missing(path: Path, name: str):
    told = explanations(CLASSES)
    write_explanations(path, told)
    told["misclassified"][4]["picture"] = name
    told["grad_cam"]["images"][0]["map"] = name
    (path / "explanations" / "explanations.json").write_text(json.dumps(told))
    page = _own(_page(path))
    assert page.count("picture missing") == 1
    assert page.count("map missing") == 1


def test_the_page_stays_below_its_size_however_large_the_pictures_are(path: Path):
    told = explanations(CLASSES, wrong=60)
    write_explanations(path, told)
    noise = np.random.default_rng(0).integers(0, 256, (250, 250, 3), dtype=np.uint8)
    content = picture_png(noise)
    assert len(content) < 200_000
    for picture in [*path.glob("explanations/*.png"), *path.glob("audit/*.png")]:
        picture.write_bytes(content)
    run = read_run(path)
    section = pictures_section(run, build_leaderboard(run), images=True)
    assert section is not None
    each = 4 * len(content) / 3
    assert section.pictures == 5_000_000 // round(each)
    assert section.left_out > 0
    page = _page(path)
    assert len(page.encode()) < 10_000_000
    assert f"{section.left_out} pictures found no room" in page
    assert page.count(b64encode(content).decode()) == section.pictures + 2_500_000 // round(each)


def test_hostile_names_are_text_and_nothing_else(fake: FakeRun, tmp_path: Path):
    fake.classes = (_HOSTILE, "meningioma", "notumor", "pituitary")
    path = fake.write(tmp_path / "hostile")
    told = explanations(fake.classes)
    for one in told["misclassified"]:
        one["file"] = _HOSTILE
    told["feature_maps"]["blocks"][0]["layer"] = _HOSTILE
    told["grad_cam"]["layer"] = _HOSTILE
    told["network"] = _HOSTILE
    write_explanations(path, told)
    parsed = Page(_page(path))
    assert [tag for tag, _ in parsed.tags].count("script") == 1  # ours
    assert not [name for _, attributes in parsed.tags for name in attributes if name[:2] == "on"]
    for tag, attributes in parsed.tags:
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/png;base64,")
    assert parsed.open == []
    assert parsed.text.count("<script>alert('x')</script>") > 40


def test_a_run_of_an_earlier_version_says_how_to_have_them_made(run: Run):
    section = pictures_section(run, build_leaderboard(run), images=True)
    assert section == PicturesSection(explained=None, failed=None)
    text = Page(_page(run.path)).text
    assert "Explanations were not made: this run was searched by an earlier version" in text
    assert "neurosweep search --resume with this run makes them" in text


def test_what_kept_them_from_being_made_is_told(write: Callable[[FakeRun], Run], fake: FakeRun):
    fake.info["explained"] = {"failed": "the worker ran <out> of memory."}
    text = Page(_page(write(fake).path)).text
    assert "Explanations could not be made: the worker ran <out> of memory." in text


def test_before_the_test_set_was_opened_there_is_no_such_section(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    fake.finalists = []
    run = write(fake)
    assert pictures_section(run, build_leaderboard(run), images=True) is None
    page = _page(run.path)
    assert 'id="pictures"' not in page
    assert 'href="#pictures"' not in page


def _saved(page: str, key: str) -> list[list[str]]:
    address = page.split(f'download="{key}.csv" href="data:text/csv;base64,')[1].split('"')[0]
    return list(csv.reader(io.StringIO(b64decode(address).decode())))


@pytest.mark.parametrize("images", [True, False])
def test_what_the_pictures_are_made_from_can_be_saved(path: Path, images: bool):
    told = _section(path, images=images).explained
    page = _own(_page(path, images=images))
    names, *answers = _saved(page, "misclassified")
    assert names[:3] == ["file", "true", "predicted"]
    assert names[3:] == [f"probability of {name}" for name in CLASSES] + ["missed"]
    assert [line[0] for line in answers] == [one.file for one in told.misclassified]
    assert [line[-1] for line in answers].count("true") == 2
    assert float(answers[0][3]) == pytest.approx(told.misclassified[0].probabilities[0], rel=1e-5)
    _, *maps = _saved(page, "grad-cam")
    assert len(maps) == len(told.grad_cam.images)
    _, *tiles = _saved(page, "feature-maps")
    assert len(tiles) == sum(len(block.channels) for block in told.feature_maps.blocks)
