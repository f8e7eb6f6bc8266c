"""Known data sets are told by their counts, whatever their folder is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.files.known_sets import BRAIN_TUMOR_MRI, BRAIN_TUMOR_MRI_BALANCED, KNOWN_SETS, recognise

PAPERS = {
    "train": {"notumor": 1595, "glioma": 1321, "meningioma": 1339, "pituitary": 1457},
    "test": {"notumor": 405, "glioma": 300, "meningioma": 306, "pituitary": 300},
}


def test_totals_are_those_the_sets_are_known_by():
    assert [known.total for known in KNOWN_SETS] == [7023, 7200]
    assert sum(BRAIN_TUMOR_MRI.counts["train"].values()) == 5712
    assert sum(BRAIN_TUMOR_MRI.counts["test"].values()) == 1311


def test_the_papers_set_is_recognised_under_any_name():
    found = recognise(PAPERS, "mri")
    assert found is not None
    assert (found.verdict, found.name) == ("recognised", "Brain Tumor MRI Dataset, 7,023 images")


def test_the_balanced_set_is_another_one():
    found = recognise(BRAIN_TUMOR_MRI_BALANCED.counts, "brain-tumor-mri-dataset")
    assert found is not None
    assert found.verdict == "recognised"
    assert "7,200" in found.note


@pytest.mark.parametrize(
    "name",
    ["brain-tumor-mri-dataset", "Brain Tumor MRI", "brain_tumor_mri_dataset", "BRAINTUMORMRI"],
)
def test_a_set_that_calls_itself_by_the_name_is_pointed_out_with_both_counts(name):
    fewer = {**PAPERS, "test": {**PAPERS["test"], "glioma": 299}}
    found = recognise(fewer, name)
    assert found is not None
    assert found.verdict == "differs"
    assert "test: glioma 299, meningioma 306" in found.note
    assert "test: glioma 300, meningioma 306" in found.note
    assert "7,023" in found.note
    assert "7,022" in found.note
    assert "7,200" in found.note


@pytest.mark.parametrize("name", ["mri", "my-brain-tumor-mri", "brain-tumor-mri-2", ""])
def test_other_sets_are_none_of_our_business(name):
    assert recognise({"all": {"a": 3, "b": 4}}, name) is None


def test_the_same_images_in_one_folder_differ():
    both = {label: PAPERS["train"][label] + PAPERS["test"][label] for label in PAPERS["train"]}
    found = recognise({"all": both}, "brain-tumor-mri")
    assert found is not None
    assert found.verdict == "differs"


@given(
    st.dictionaries(
        st.sampled_from(["train", "test", "all"]),
        st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=4),
    ),
    st.text(max_size=20),
)
def test_small_sets_are_never_taken_for_a_known_one(counts, name):
    found = recognise(counts, name)
    assert found is None or found.verdict == "differs"
