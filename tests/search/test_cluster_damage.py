"""Files that are none, and our own with a value torn out: findings, never a traceback."""

import copy
from typing import Any

import pytest
from cluster_samples import LAUNCHER, ROOT, TRIAL, found, kuberay, launcher
from hypothesis import given, settings
from hypothesis import strategies as st

from search.cluster_files.checking import check
from search.cluster_files.reading import LARGEST_FILE

NONE = {
    "empty": b"",
    "only a comment": b"# nothing\n",
    "not YAML": b"cluster_name: [",
    "tabs": b"a:\n\t- b",
    "a list": b"- a\n- b\n",
    "a number": b"7",
    "no text": b"\x80\x81\x82",
    "a null byte": b"cluster_name: \x00",
    "an object of Python": b"!!python/object/apply:os.system ['false']",
    "a date that is none": b"cluster_name: 2026-99-99",
    "deep": b"[" * 5000,
    "a cycle": b"&a\ncluster_name: x\nprovider: *a\n",
    "a laughter": b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (name + 1, name + 1, b", ".join([b"*%c" % name] * 10))
        for name in range(ord("a"), ord("h"))
    ),
    "too large": b"#" * (LARGEST_FILE + 1),
}


@pytest.mark.parametrize("data", NONE.values(), ids=NONE)
def test_what_is_no_cluster_file_is_one_finding(data, tmp_path):
    path = tmp_path / "file.yaml"
    path.write_bytes(data)
    (finding,) = check(path, TRIAL)
    assert (finding.level, finding.rule) == ("error", "readable")


@pytest.mark.parametrize("name", ["absent.yaml", ".", "a" * 5000, "null\0byte"])
def test_what_is_no_file_is_one_finding(name, tmp_path):
    (finding,) = check(tmp_path / name, TRIAL)
    assert (finding.level, finding.rule) == ("error", "readable")


@pytest.mark.parametrize(
    "text",
    ["a: 1", "name: demo\nsearch: {trials: 3}", "apiVersion: v1\nkind: Pod", "a: 1\n---\nb: 2"],
)
def test_another_kind_of_file_is_named(text, tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    (finding,) = check(path, TRIAL)
    assert (finding.level, finding.rule) == ("error", "kind")


@pytest.mark.parametrize("provider", ["moon", None, [], 7, {"type": None}, {"type": ["aws"]}, {}])
def test_an_unknown_provider_is_an_error(provider, tmp_path):
    document = launcher()
    document["provider"] = provider
    assert "ray" in {one.rule for one in found(tmp_path, document) if one.level == "error"}


WRONG = st.sampled_from(
    [None, "", "x", -1, 10**30, 1.5, True, [], [None], {}, {"x": None}, "\U0001f4a5"]
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with each of its keys."""
    inside = list(value.items() if isinstance(value, dict) else enumerate(value))
    below = (places(one) for _, one in inside if isinstance(one, dict | list))
    return [(value, key) for key, _ in inside] + [place for found in below for place in found]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=st.sampled_from([*LAUNCHER, "kuberay"]),
    chooser=st.randoms(use_true_random=False),
    wrong=WRONG,
)
def test_a_damaged_file_gives_findings_and_no_traceback(name, chooser, wrong, tmp_path_factory):
    documents = [kuberay() if name == "kuberay" else launcher(name)]
    for _ in range(chooser.choice([1, 1, 2, 4])):
        container, key = chooser.choice(places(documents[-1]))
        if chooser.random() < 0.5:
            container[key] = copy.deepcopy(wrong)
        elif isinstance(container, dict):
            container.pop(key, None)
    findings = found(tmp_path_factory.mktemp("damaged"), *documents)
    assert all(one.received and one.advice and "\n" not in one.received for one in findings)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(chooser=st.randoms(use_true_random=False))
def test_a_torn_file_gives_findings_and_no_traceback(chooser, tmp_path_factory):
    data = bytearray((ROOT / chooser.choice([*LAUNCHER, "clusters/kuberay.yaml"])).read_bytes())
    del data[chooser.randrange(len(data)) :]
    if data and chooser.random() < 0.5:
        data[chooser.randrange(len(data))] = chooser.randrange(256)
    path = tmp_path_factory.mktemp("torn") / "torn.yaml"
    path.write_bytes(data)
    for finding in check(path, TRIAL):
        assert finding.level in ("error", "warning")
