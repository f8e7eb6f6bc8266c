"""The page in a real browser: whole at both widths, without scripts too, and what scripts add."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from browser import CHROMIUM, ask
from fake_run import FakeRun, fake_run

from reports import LeaderboardRow, Run, build_leaderboard, render_report

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which .ci/run installs"),
]

_HOSTILE = "<script>alert(1)</script>"
_LOOK = """
const sections = [...document.querySelectorAll("main > section")].map((one) => {
  const box = one.getBoundingClientRect();
  return [one.id, Math.round(box.width), Math.round(box.height), Math.round(box.right)];
});
const charts = [...document.querySelectorAll(".panel .chart")].map((one) => {
  const box = one.getBoundingClientRect();
  return [Math.round(box.width), Math.round(box.height), Math.round(box.right)];
});
return {
  width: innerWidth, page: document.documentElement.scrollWidth, sections, charts,
  fetched: performance.getEntriesByType("resource").map((one) => one.name),
  downloads: document.querySelectorAll("a[download]").length,
  buttons: document.querySelectorAll(".tools button").length,
};
"""


def page_of(fake: FakeRun, write: Callable[[FakeRun], Run]) -> str:
    run = write(fake)
    return render_report(run, build_leaderboard(run))


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scripts", [True, False])
def test_every_section_and_chart_is_there(
    run: Run, rows: list[LeaderboardRow], tmp_path: Path, width: int, scripts: bool
):
    seen = ask(render_report(run, rows), _LOOK, tmp_path, width=width, scripts=scripts)
    assert seen["width"] == width
    assert seen["page"] <= width  # nothing makes the whole page scroll sideways
    names = [name for name, *_ in seen["sections"]]
    assert {"summary", "learning", "search", "hyperparameters", "provenance"} <= set(names)
    boxes = [box for box in seen["sections"] if box[1] < 300 or box[2] < 80 or box[3] > width]
    assert boxes == []
    assert len(seen["charts"]) == seen["downloads"] == 24
    odd = [box for box in seen["charts"] if box[0] < 250 or box[1] < 40 or box[2] > width]
    assert odd == []
    assert seen["fetched"] == []
    assert (seen["buttons"] > 0) == scripts


def test_hostile_names_run_nothing(write: Callable[[FakeRun], Run], tmp_path: Path):
    fake = fake_run()
    fake.classes = (_HOSTILE, "meningioma", "notumor", "pituitary")
    fake.records = [
        replace(
            record,
            family=_HOSTILE if record.family == "mini_vgg" else record.family,
            error=_HOSTILE if record.error else None,
            stop_reason=_HOSTILE,
            hyperparameters={**record.hyperparameters, _HOSTILE: f"{_HOSTILE}{record.seed % 3}"},
        )
        for record in fake.records
    ]
    probe = """
    const mark = [...document.querySelectorAll("svg.chart *")].find(
      (one) => one.querySelector(":scope > title") && one.textContent.includes("alert(1)"));
    mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 9, clientY: 9 }));
    return {
      scripts: document.querySelectorAll("script").length,
      tip: document.querySelector(".tip").textContent,
      inside: document.querySelector(".tip").children.length,
    };
    """
    seen = ask(page_of(fake, write), probe, tmp_path)
    assert seen["scripts"] == 2  # the page's own and the probe
    assert _HOSTILE in seen["tip"]
    assert seen["inside"] == 0


def test_a_mark_is_read_by_pointer_and_by_keyboard(
    run: Run, rows: list[LeaderboardRow], tmp_path: Path
):
    probe = """
    const canvas = document.querySelector("#progress-trials .canvas");
    const tip = document.querySelector(".tip");
    const key = (name) => canvas.dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true }));
    const mark = canvas.querySelector(".dot > title").parentElement;
    const hint = mark.querySelector("title").textContent;
    const seen = { hint, hidden: tip.hidden };
    mark.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: 9, clientY: 9 }));
    seen.pointed = tip.textContent;
    seen.shown = !tip.hidden;
    key("Escape");
    seen.forgotten = tip.hidden && mark.querySelector("title").textContent === hint;
    key(".");
    seen.first = tip.textContent;
    key(".");
    seen.second = tip.textContent;
    key(",");
    seen.back = tip.textContent;
    seen.focus = canvas.tabIndex;
    return seen;
    """
    seen = ask(render_report(run, rows), probe, tmp_path)
    assert seen["hidden"]
    assert seen["pointed"] == seen["hint"] == seen["first"] == seen["back"]
    assert seen["shown"]
    assert seen["forgotten"]
    assert seen["second"] != seen["first"]
    assert seen["focus"] == 0


def test_a_chart_is_zoomed_moved_and_put_back(run: Run, rows: list[LeaderboardRow], tmp_path: Path):
    probe = """
    const canvas = document.querySelector("#survival .canvas"), chart = canvas.querySelector("svg");
    const box = () => chart.getAttribute("viewBox").split(" ").map(Number);
    const key = (name) => canvas.dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true }));
    const wheel = (ctrlKey) => chart.dispatchEvent(
      new WheelEvent("wheel", { deltaY: -100, ctrlKey, bubbles: true, cancelable: true }));
    const seen = { whole: box() };
    wheel(false); seen.plain = box();
    wheel(true); seen.wheeled = box();
    key("ArrowRight"); seen.moved = box();
    key("0"); seen.reset = box();
    document.querySelector("#survival .tools button").click(); seen.button = box();
    for (let n = 0; n < 50; n++) key("+");
    seen.most = box();
    for (let n = 0; n < 200; n++) { key("ArrowRight"); key("ArrowDown"); }
    seen.edge = box();
    for (let n = 0; n < 50; n++) key("-");
    seen.back = box();
    return seen;
    """
    seen = ask(render_report(run, rows), probe, tmp_path)
    whole = seen["whole"]
    assert seen["plain"] == whole  # the wheel alone scrolls the page
    assert seen["wheeled"][2] == pytest.approx(whole[2] / 1.25, abs=0.1)
    assert seen["moved"][0] > seen["wheeled"][0]
    assert seen["reset"] == seen["back"] == pytest.approx(whole)
    assert seen["button"][2] == pytest.approx(whole[2] / 1.5, abs=0.1)
    assert seen["most"][2] == pytest.approx(whole[2] / 20, abs=0.1)
    assert seen["edge"][0] + seen["edge"][2] == pytest.approx(whole[2], abs=0.1)
    assert seen["edge"][1] + seen["edge"][3] == pytest.approx(whole[3], abs=0.1)


def test_a_chart_is_enlarged_and_comes_back_to_its_place(
    run: Run, rows: list[LeaderboardRow], tmp_path: Path
):
    probe = """
    const panel = document.querySelector("#timeline"), canvas = panel.querySelector(".canvas");
    const buttons = panel.querySelectorAll(".tools button");
    buttons[buttons.length - 1].click();
    const dialog = document.querySelector("dialog");
    const seen = { open: dialog.open, inside: dialog.contains(canvas),
      wide: canvas.querySelector("svg").getBoundingClientRect().width };
    dialog.close();
    dialog.dispatchEvent(new Event("close"));
    seen.back = panel.children[1] === canvas;
    seen.gone = !document.querySelector("dialog");
    return seen;
    """
    seen = ask(render_report(run, rows), probe, tmp_path, width=360)
    assert seen == {"open": True, "inside": True, "wide": seen["wide"], "back": True, "gone": True}
    assert seen["wide"] >= 620  # larger than the phone: it is moved under the finger


@pytest.mark.parametrize("kept", [0, 1])
def test_a_page_of_hardly_any_trial_is_whole(
    write: Callable[[FakeRun], Run], tmp_path: Path, kept: int
):
    fake = fake_run()
    fake.finalists, fake.folds = [], {}
    fake.info["state"] = "running"
    fake.records = fake.records[:kept]
    seen = ask(page_of(fake, write), _LOOK, tmp_path, width=360)
    assert seen["page"] <= 360
    assert len(seen["charts"]) == (7 if kept else 0)
