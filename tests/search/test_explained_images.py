"""Which test images are shown, by what the winner said of them."""

import numpy as np
import pytest

from search.stages.explained_images import Answers

NOTUMOR = 2


def answers(*rows, negative=NOTUMOR):
    """Each row: true class, said class, its probability; the rest is shared by the others."""
    labels = np.array([true for true, _, _ in rows], np.int64)
    probabilities = np.array(
        [[share if at == said else (1 - share) / 3 for at in range(4)] for _, said, share in rows],
        np.float32,
    )
    return Answers.of(probabilities, labels, negative)


def test_missed_positives_come_first_then_the_surest_of_the_wrong_answers():
    told = answers(
        (0, 0, 0.9), (0, 1, 0.99), (0, 2, 0.5), (2, 0, 0.7), (3, 2, 0.8), (1, 1, 0.6), (2, 2, 0.9)
    )
    assert told.wrong() == [4, 2, 1, 3]
    assert [told.is_missed(at) for at in range(7)] == [
        False,
        False,
        True,
        False,
        True,
        False,
        False,
    ]


def test_equally_sure_answers_keep_the_order_of_the_split():
    assert answers((0, 1, 0.8), (1, 0, 0.8), (3, 1, 0.8)).wrong() == [0, 1, 2]


def test_without_a_negative_class_the_surest_come_first():
    told = answers((0, 2, 0.5), (0, 1, 0.9), negative=None)
    assert told.wrong() == [1, 0]
    assert not told.is_missed(0)


def test_of_each_class_two_typical_right_answers_and_the_two_worst_wrong_ones_are_mapped():
    told = answers(
        *[(0, 0, share) for share in (0.5, 0.99, 0.7, 0.71, 0.6)],  # the median is 0.7
        *[(0, 1, share) for share in (0.6, 0.9, 0.8)],
        (1, 1, 0.9),
        (2, 0, 0.4),
    )
    assert told.mapped() == [2, 3, 6, 7, 8, 9]


def test_a_typical_positive_is_looked_through():
    rows = [(2, 2, 0.9), (1, 1, 0.4), (1, 1, 0.6), (1, 1, 0.9)]
    assert answers(*rows).looked_through() == 2
    assert answers(*rows, (0, 1, 0.9)).looked_through() == 2  # class 0 has no right answer
    assert answers(*rows[:1]).looked_through() == 0


def test_without_a_right_answer_the_first_image_is():
    told = answers((0, 1, 0.5), (1, 2, 0.5))
    assert told.looked_through() == 0
    assert told.mapped() == [0, 1]


def test_many_classes_do_not_make_more_maps_than_a_page_holds():
    labels = np.repeat(np.arange(30), 2)
    probabilities = np.eye(30, dtype=np.float32)[labels]
    mapped = Answers.of(probabilities, labels, None).mapped()
    assert len(mapped) == 40
    assert {int(labels[at]) for at in mapped} == set(range(30))
    assert mapped == sorted(mapped)


def test_of_more_classes_than_maps_those_with_the_most_errors_have_one():
    labels = np.repeat(np.arange(60), 6)
    said = labels.copy()
    said[6 * 59 : 6 * 59 + 4] = said[6 * 50 : 6 * 50 + 2] = 0
    told = Answers.of(np.eye(60, dtype=np.float32)[said], labels, None)
    assert [int(labels[at]) for at in told.mapped()] == [*range(38), 50, 59]


def test_further_maps_go_to_the_classes_with_the_most_errors():
    labels = np.repeat(np.arange(39), 4)
    said = labels.copy()
    said[4 * 30] = 0
    mapped = Answers.of(np.eye(39, dtype=np.float32)[said], labels, None).mapped()
    assert len(mapped) == 40
    assert [at for at in mapped if labels[at] == 30] == [121, 120]  # right, then wrong


@pytest.mark.parametrize("negative", [None, NOTUMOR])
def test_nothing_wrong_is_nothing_to_show(negative):
    assert answers((0, 0, 0.9), (2, 2, 0.9), negative=negative).wrong() == []
