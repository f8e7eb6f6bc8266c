"""The same holds for every kind of store that a run may be mirrored on."""

import os
from pathlib import Path

import pytest

from neurosweep.errors import RunDirectoryError, StoreError
from search.mirror.store import Store

SECRET = "never-to-be-printed"  # noqa: S105


@pytest.fixture(params=["file", "s3"])
def uri(request, tmp_path):
    if request.param == "file":
        return f"file://{tmp_path}/place/run"
    return f"s3://{request.getfixturevalue('s3').bucket()}/some/run"


def test_what_is_put_comes_back(uri):
    store = Store(uri)
    assert store.entries() == {}
    store.put("trials/t0000/record.json", b"one")
    store.put("trials/t0000/record.json", b"other")
    store.put("run.yaml", b"")
    again = Store(uri)
    assert again.get("trials/t0000/record.json") == b"other"
    assert again.get("run.yaml") == b""
    assert {n: e.size for n, e in again.entries().items()} == {
        "run.yaml": 0,
        "trials/t0000/record.json": 5,
    }


def test_what_is_not_there_is_none(uri):
    store = Store(uri)
    assert store.get("absent") is None
    assert store.entry("absent") is None
    store.delete("absent")


def test_what_is_deleted_is_gone(uri):
    store = Store(uri)
    store.put("a", b"x")
    store.delete("a")
    assert store.get("a") is None
    assert store.entries() == {}


def test_the_stores_clock_goes_on(uri):
    store = Store(uri)
    store.put("a", b"x")
    store.put("b", b"x")
    first, second = store.entry("a").modified, store.entry("b").modified
    assert first <= second


def test_what_is_no_uri_of_a_store_is_refused():
    with pytest.raises(RunDirectoryError, match="a URI that pyarrow understands.*gopher://x/y"):
        Store("gopher://x/y")


def test_a_missing_bucket_is_refused_at_once(s3):
    store = Store("s3://there-is-no-such-bucket/run", sleep=lambda _: pytest.fail("it waited"))
    with pytest.raises(RunDirectoryError, match="no such bucket; make it, or correct the name"):
        store.put("a", b"x")


@pytest.fixture
def unsteady(tmp_path):
    """A store whose client fails as often as it is told to, and the waits between the tries."""
    waits = []
    store = Store(f"file://{tmp_path}", waits=(1, 2, 4), sleep=waits.append)

    class Files:
        def __init__(self):
            self.failures = []

        def open_input_stream(self, path):
            if self.failures:
                raise self.failures.pop()
            return Path(path).open("rb")

    store._files = Files()
    return store, store._files, waits


def test_a_short_outage_is_waited_out_longer_each_time(unsteady, tmp_path):
    store, files, waits = unsteady
    (tmp_path / "a").write_bytes(b"x")
    files.failures = [OSError("AWS Error NETWORK_CONNECTION")] * 3
    assert store.get("a") == b"x"
    assert waits == [1, 2, 4]


def test_a_long_outage_says_how_to_go_on(unsteady):
    store, files, waits = unsteady
    files.failures = [OSError("AWS Error NETWORK_CONNECTION")] * 4
    with pytest.raises(StoreError, match=r"in 4 tries; see whether.*--resume --output file://"):
        store.get("a")
    assert waits == [1, 2, 4]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("AWS Error ACCESS_DENIED during PutObject"), "access was denied; give"),
        (PermissionError(13, "Permission denied"), "access was denied; give"),
        (OSError("AWS Error INVALID_ACCESS_KEY_ID"), "credentials are not known there"),
        (OSError("AWS Error SIGNATURE_DOES_NOT_MATCH"), "secret does not fit the key"),
        (OSError("AWS Error EXPIRED_TOKEN"), "credentials have expired"),
    ],
)
def test_what_waiting_cannot_mend_is_told_at_once(unsteady, error, told):
    store, files, waits = unsteady
    files.failures = [error]
    with pytest.raises(RunDirectoryError, match=told):
        store.get("a")
    assert waits == []


def test_credentials_are_not_repeated_in_messages(unsteady, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-a-session")
    store, files, _ = unsteady
    files.failures = [OSError(f"signed with {SECRET} and token-of-a-session")] * 4
    with pytest.raises(StoreError, match=r"signed with \*\*\* and \*\*\*") as told:
        store.get("a")
    assert SECRET not in str(told.value)


def test_no_server_at_all(monkeypatch, s3):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = Store("s3://bucket/run", waits=())
    with pytest.raises(StoreError, match="see whether network and store are up") as told:
        store.put("a", b"x")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(told.value)
