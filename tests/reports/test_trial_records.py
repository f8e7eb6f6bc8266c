import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fake_run import fake_run
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import RunDirectoryError
from reports import Origin, Stage, Status, TrialRecord

_TEXT = st.text(max_size=20)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_COUNT = st.integers(min_value=0, max_value=2**62)
_VALUE = st.booleans() | st.integers(min_value=-(2**62), max_value=2**62) | _FINITE | _TEXT
_TIME = st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat)
_JSON = st.dictionaries(_TEXT, st.none() | _VALUE | st.lists(_VALUE, max_size=3), max_size=3)
_PROBE = st.fixed_dictionaries(
    {
        "c": st.floats(min_value=1e-6, max_value=1e6),
        "cv_accuracy": st.none() | st.floats(min_value=0, max_value=1),
        "train_images": st.integers(min_value=1, max_value=2**40),
        "round": st.integers(min_value=1, max_value=3),
        "rounds": st.integers(min_value=3, max_value=9),
    }
)

RECORDS = st.builds(
    TrialRecord,
    trial_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    stage=st.sampled_from(Stage),
    origin=st.sampled_from(Origin),
    family=_TEXT,
    backbone=st.none() | _TEXT,
    weights=_TEXT,
    status=st.sampled_from(Status),
    stop_reason=st.none() | _TEXT,
    stop_detail=st.none() | _TEXT,
    hyperparameters=st.dictionaries(_TEXT, _VALUE, max_size=5),
    seed=_COUNT,
    val_accuracy=st.none() | st.floats(min_value=0, max_value=1),
    val_loss=st.none() | _FINITE,
    epochs=_COUNT,
    epochs_allowed=_COUNT,
    kept_epoch=st.none() | _COUNT,
    seconds=_FINITE,
    data_fingerprint=_TEXT,
    synthetic=st.booleans(),
    image_size=_COUNT,
    parameters=st.none() | st.integers(min_value=0, max_value=2**60),
    started_at=_TIME,
    finished_at=_TIME,
    error=st.none() | _TEXT,
    runtime=_JSON,
    fine_tune=st.none() | _JSON,
    parent_id=st.none() | _TEXT,
    preprocessing=st.sampled_from([None, "native", "unit"]),
    weights_hash=st.none() | _TEXT,
    probe=st.none() | _PROBE,
    multiply_adds=st.none() | _COUNT,
    held_seconds=st.none() | _FINITE,
    gpu_hours=st.none() | _FINITE,
    cost=st.none() | _FINITE,
    lost_workers=st.none() | _COUNT,
    lost_seconds=st.none() | _FINITE,
    accumulation=st.none() | _COUNT,
)


@given(RECORDS)
def test_a_record_survives_json(record: TrialRecord):
    line = record.to_json()
    assert "\n" not in line
    again = TrialRecord.from_json(line)
    assert again == record
    # True == 1 == 1.0 in Python: the kinds of values must survive as well.
    kinds = {name: type(value) for name, value in record.hyperparameters.items()}
    assert {name: type(value) for name, value in again.hyperparameters.items()} == kinds


def _line(**changes: object) -> str:
    return json.dumps({**json.loads(fake_run().records[0].to_json()), **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, r"at colour: Unexpected keyword argument; received 'red'"),
        ({"seed": "7"}, r"at seed: Input should be a valid integer; received '7'"),
        ({"synthetic": 1}, r"at synthetic: Input should be a valid boolean; received 1"),
        ({"status": "done"}, r"at status: .*'completed', 'pruned' or 'failed'; received 'done'"),
        ({"epochs": True}, r"at epochs: Input should be a valid integer; received True"),
        ({"val_loss": float("nan")}, r"at val_loss: Input should be a finite number"),
        ({"hyperparameters": {"a": None}}, r"at hyperparameters.a"),
        ({"val_accuracy": 93.5}, r"a share from 0 to 1, or None .* has 93.5"),
        ({"trial_id": "../../etc"}, r"letters, digits, .* received '../../etc'"),
        ({"trial_id": ""}, r"received ''"),
        ({"preprocessing": "caffe"}, r"preprocessing is native or unit, .* has 'caffe'"),
        ({"multiply_adds": -1}, r"multiply-adds are a count from 0; .* has -1"),
        ({"probe": {"c": 0.0}}, r"a probe has c above 0, .* received 0.0 as c"),
        ({"probe": {"c": True}}, r"received True as c"),
        ({"probe": {"cv_accuracy": 93.5}}, r"received 93.5 as cv_accuracy"),
        ({"probe": {"train_images": 0}}, r"received 0 as train_images"),
        ({"probe": {"train_images": 1.5}}, r"received 1.5 as train_images"),
        ({"probe": {"round": "1"}}, r"received '1' as round"),
        ({"probe": {"round": 3, "rounds": 2}}, r"round is at most rounds; received 3 as round"),
        ({"probe": [1]}, r"at probe"),
        ({"finished_at": "yesterday"}, r"times follow ISO 8601, .* received 'yesterday'"),
    ],
)
def test_a_wrong_line_is_refused_by_name(changes: dict[str, object], told: str):
    with pytest.raises(RunDirectoryError, match=told):
        TrialRecord.from_json(_line(**changes))


def test_a_missing_column_is_refused_by_name():
    content = json.loads(_line())
    del content["family"]
    with pytest.raises(RunDirectoryError, match="at family: Field required"):
        TrialRecord.from_json(json.dumps(content))


def test_a_record_from_before_backbones_were_screened_still_reads():
    content = json.loads(_line())
    added = ("preprocessing", "weights_hash", "probe", "multiply_adds")
    for name in added:
        del content[name]
    record = TrialRecord.from_json(json.dumps(content))
    assert [getattr(record, name) for name in added] == [None] * 4


def test_what_is_not_json_is_refused():
    with pytest.raises(RunDirectoryError, match="at the line: Invalid JSON"):
        TrialRecord.from_json('{"trial_id": "0001", ')


def test_a_long_value_is_shortened_in_the_message():
    with pytest.raises(RunDirectoryError) as caught:
        TrialRecord.from_json(_line(seed="9" * 5000))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_not_written(figure: float):
    record = replace(fake_run().records[0], val_loss=figure)
    with pytest.raises(RunDirectoryError, match="trial 0000 has a NaN or infinite one"):
        record.to_json()


def test_a_diverged_accuracy_is_refused_when_the_record_is_made():
    with pytest.raises(RunDirectoryError, match="Record None for a trial that diverged"):
        replace(fake_run().records[0], val_accuracy=float("nan"))
