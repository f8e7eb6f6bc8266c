import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import UserError
from reports import LeaderboardRow, column_names, select_rows
from reports.conditions import parse_conditions


def _ids(rows: list[LeaderboardRow]) -> list[str]:
    return [row.trial_id for row in rows]


def test_nothing_asked_keeps_all(rows: list[LeaderboardRow]):
    assert select_rows(rows) == rows


@pytest.mark.parametrize("where", ["runtime < 3", "runtime = x"])
def test_a_column_of_objects_is_compared_with_nothing_but_null(
    rows: list[LeaderboardRow], where: str
):
    with pytest.raises(UserError, match="runtime holds objects"):
        select_rows(rows, where=where)
    assert select_rows(rows, where="runtime != null") == rows


def test_top_counts_after_the_filters(rows: list[LeaderboardRow]):
    chosen = select_rows(rows, family="plain_cnn", top=2)
    assert _ids(chosen) == ["0009", "0000"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("parameters < 3e5", ["0000", "0001"]),
        ("parameters<=3e5 and status=completed", ["0000", "0002"]),
        ("rank = null AND val_accuracy >= 0.8", ["0001", "0011"]),
        ("backbone != null", ["0003", "0007"]),
        ("backbone = 'MobileNetV2'", ["0003"]),
        ('backbone = "No Such Net"', []),
        ("hp.training/learning_rate > 0.0125", ["0012"]),
        ("training/optimizer == sgd and synthetic = true and rank != null", ["0002"]),
        ("error = null and val_accuracy = null", []),
        ("status = failed", ["0008"]),
    ],
)
def test_where(rows: list[LeaderboardRow], where: str, expected: list[str]):
    chosen = _ids(select_rows(rows, where=where))
    if where.startswith("training/optimizer"):
        expected = [row.trial_id for row in rows if _is_ranked_sgd(row)]
        assert expected
    assert sorted(chosen) == sorted(expected)


def _is_ranked_sgd(row: LeaderboardRow) -> bool:
    return row.rank is not None and row.hyperparameters["training/optimizer"] == "sgd"


@pytest.mark.parametrize(
    "where",
    [
        "",
        "parameters",
        "parameters <",
        "< 5",
        "parameters < 5 or rank = 1",
        "parameters < 5 and",
        "and parameters < 5",
        "parameters < < 5",
        "parameters 5 <",
        "family = 'torn",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(rows: list[LeaderboardRow], where: str):
    with pytest.raises(UserError, match="--where takes COLUMN OPERATOR VALUE"):
        select_rows(rows, where=where)


def test_python_is_never_run(rows: list[LeaderboardRow]):
    with pytest.raises(UserError):
        select_rows(rows, where="__import__('os').system('true') = 0")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str):
    known = column_names(())
    try:
        conditions = parse_conditions(text, known)
    except UserError:
        return
    assert conditions
    assert all(one.column in known for one in conditions)


@pytest.mark.parametrize("where", ["family < 5", "rank = first", "synthetic = yes"])
def test_text_and_numbers_are_not_compared(rows: list[LeaderboardRow], where: str):
    with pytest.raises(UserError, match="compares text with text and numbers with numbers"):
        select_rows(rows, where=where)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("val_acuracy", "nearest: val_accuracy"),
        ("Parameters", "nearest: parameters"),
        ("learning_rate", "nearest: hp.training/learning_rate"),
        ("zzz", "no 'zzz'. `--format csv`"),
    ],
)
def test_an_unknown_column_is_named_with_the_nearest(
    rows: list[LeaderboardRow], name: str, near: str
):
    with pytest.raises(UserError, match=near):
        select_rows(rows, sort=name)
    with pytest.raises(UserError, match=near):
        select_rows(rows, where=f"{name} = 1")


def test_sorting_puts_the_best_first_and_nothing_last(rows: list[LeaderboardRow]):
    by_test = [row.test_accuracy for row in select_rows(rows, sort="test_accuracy")]
    filled = [share for share in by_test if share is not None]
    assert by_test == sorted(filled, reverse=True) + [None] * (len(rows) - len(filled))
    seconds = [row.seconds for row in select_rows(rows, sort="seconds")]
    assert seconds == sorted(seconds)
    assert [row.seconds for row in select_rows(rows, sort="seconds:desc")] == seconds[::-1]


def test_sorting_by_text(rows: list[LeaderboardRow]):
    optimizers = [
        row.hyperparameters["training/optimizer"]
        for row in select_rows(rows, sort="training/optimizer")
    ]
    assert optimizers == sorted(map(str, optimizers))


def test_a_direction_that_is_none_is_refused(rows: list[LeaderboardRow]):
    with pytest.raises(UserError, match="COLUMN:asc or COLUMN:desc; received 'rank:up'"):
        select_rows(rows, sort="rank:up")


def test_an_unknown_family_is_refused(rows: list[LeaderboardRow]):
    with pytest.raises(UserError, match=r"received 'plain_cn' \(nearest: plain_cnn\). It tried:"):
        select_rows(rows, family="plain_cn")


def test_top_is_at_least_one(rows: list[LeaderboardRow]):
    with pytest.raises(UserError, match="from 1; received 0"):
        select_rows(rows, top=0)
