"""Greedy selection, and that an ensemble is never judged by images that chose it."""

import numpy as np
import pytest

from neurosweep.errors import DataError
from search.ensembling.library import Library, best_outside_folds
from search.ensembling.out_of_fold import Validation, choose, folds_of
from search.ensembling.selection import DRAWS, select
from trainables.metrics import cross_entropy

CLASSES = 4


def sure(answers, share=0.9):
    """Probabilities (images, classes) of a network that is rather sure of its answers."""
    rest = (1 - share) / (CLASSES - 1)
    return np.where(np.eye(CLASSES)[answers] == 1, share, rest).astype(np.float32)


def guesses(rng, networks, images):
    """Networks that know nothing."""
    return rng.dirichlet(np.ones(CLASSES), (networks, images)).astype(np.float32)


def library(networks, count=None):
    """All of them, read from memory; as many candidates as there are networks unless told."""
    names = [f"{number:04d}" for number in range(len(networks))]
    return Library(names=names, read=lambda name: networks[int(name)], count=count or len(networks))


def accuracy(probabilities, labels):
    return float(np.mean(probabilities.argmax(axis=1) == labels))


LABELS = np.array([0, 1, 2, 3, 0, 1])


def test_networks_that_err_elsewhere_are_taken_together():
    wrong = [LABELS.copy() for _ in range(3)]
    for number, answers in enumerate(wrong):
        answers[number] = (answers[number] + 1) % CLASSES
    counts = select(np.stack([sure(answers) for answers in wrong]), LABELS)
    assert (counts > 0).sum() >= 2
    mean = np.tensordot(counts / counts.sum(), np.stack([sure(a) for a in wrong]), 1)
    assert accuracy(mean, LABELS) == 1.0


def test_a_network_without_rival_stays_alone():
    best, worse = sure(LABELS, 0.999), sure((LABELS + 1) % CLASSES)
    assert select(np.stack([worse, best, worse]), LABELS).tolist() == [0, 1, 0]


def test_a_network_may_be_taken_again_and_again():
    # One that is right but shy needs a bolder one, and more of itself.
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 200)
    networks = np.stack([0.5 * sure(labels, 0.5) + 0.5 * guesses(rng, 1, 200)[0] for _ in range(4)])
    counts = select(networks, labels, by_loss=True)
    assert counts.max() > 1
    assert counts.sum() <= DRAWS


@pytest.mark.parametrize("by_loss", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_mean_is_no_worse_than_the_best_network_where_it_was_chosen(seed, by_loss):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, 60)
    networks = 0.6 * guesses(rng, 7, 60) + 0.4 * sure(labels, 0.6)
    counts = select(networks, labels, by_loss=by_loss)
    mean = np.tensordot(counts / counts.sum(), networks.astype(float), 1)

    def figure(probabilities):
        if by_loss:
            return -np.mean(-np.log(probabilities[np.arange(60), labels]))
        return accuracy(probabilities, labels)

    assert figure(mean) >= max(map(figure, networks)) - 1e-6
    assert np.array_equal(counts, select(networks, labels, by_loss=by_loss))


def test_of_equals_the_first_is_taken():
    same = sure(LABELS, 0.7)
    assert select(np.stack([same, same, same]), LABELS).tolist() == [1, 0, 0]


def test_networks_that_guess_are_not_better_than_chance_together():
    figures, flattered = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = np.arange(100) % CLASSES
        networks = guesses(rng, 8, 100)
        validation = Validation(labels=labels, groups=np.arange(100))
        chosen = choose(networks, validation, library(networks), seed=seed)
        figures.append(accuracy(chosen.out_of_fold, labels))
        flattered.append(accuracy(chosen.fitted, labels))
    error = np.sqrt(0.25 * 0.75 / (40 * 100))
    assert np.mean(figures) == pytest.approx(0.25, abs=3.5 * error)
    assert np.mean(flattered) > 0.25 + 5 * error  # what a leak would look like


@pytest.mark.parametrize("by_loss", [False, True])
def test_the_best_of_many_that_guess_are_not_better_than_chance_either(by_loss):
    figures, leaks = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = np.arange(200) % CLASSES
        networks = guesses(rng, 300, 200)
        wrong = (networks.argmax(axis=2) != labels).sum(axis=1)
        losses = -np.log(networks[:, np.arange(200), labels]).sum(axis=1)
        best = networks[np.argsort(losses if by_loss else wrong, kind="stable")[:5]]
        validation = Validation(labels=labels, groups=np.arange(200))
        for found, all_of in ((figures, networks), (leaks, best)):
            chosen = choose(best, validation, library(all_of, 5), by_loss=by_loss, seed=seed)
            found.append(accuracy(chosen.out_of_fold, labels))
    error = np.sqrt(0.25 * 0.75 / (10 * 200))
    assert np.mean(figures) == pytest.approx(0.25, abs=3 * error)
    assert np.mean(leaks) > 0.25 + 4 * error  # candidates chosen by all images, weights without


@pytest.mark.parametrize("by_loss", [False, True])
def test_each_fold_has_the_best_on_the_other_images_in_the_order_of_ranks(by_loss):
    rng = np.random.default_rng(2)
    labels, folds = rng.integers(0, CLASSES, 40), np.arange(40) % 3
    networks = guesses(rng, 30, 40)
    networks[7] = networks[3]  # equals: the first name goes first
    found = best_outside_folds(library(networks, 6), labels, folds, folds=3, by_loss=by_loss)
    for fold, names in enumerate(found):
        rest = folds != fold
        keys = []
        for number, said in enumerate(networks):
            loss = round(cross_entropy(said[rest], labels[rest]), 9)
            figure = -accuracy(said[rest], labels[rest])
            keys.append(((loss, figure) if by_loss else (figure, loss), f"{number:04d}"))
        assert names == [name for _, name in sorted(keys)[:6]]


def test_networks_that_cannot_be_read_are_no_candidates():
    networks = [None, sure(LABELS), None, sure((LABELS + 1) % CLASSES)]
    folds = np.arange(6) % 2
    assert best_outside_folds(library(networks), LABELS, folds, folds=2) == [["0001", "0003"]] * 2
    assert best_outside_folds(library([None]), LABELS, folds, folds=2) == [[], []]


def test_copies_of_a_picture_do_not_judge_what_they_chose():
    figures = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels, groups = np.arange(40) % CLASSES, np.arange(40)
        networks = guesses(rng, 8, 40)
        five = np.repeat(np.arange(40), 5)
        validation = Validation(labels=labels[five], groups=groups[five])
        chosen = choose(networks[:, five], validation, library(networks[:, five]), seed=seed)
        figures.append(accuracy(chosen.out_of_fold, labels[five]))
    assert np.mean(figures) == pytest.approx(0.25, abs=3.5 * np.sqrt(0.25 * 0.75 / (20 * 40)))


def test_weights_are_those_of_all_images_and_come_to_one():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, CLASSES, 80)
    networks = 0.6 * guesses(rng, 5, 80) + 0.4 * sure(labels, 0.6)
    validation = Validation(labels=labels, groups=np.arange(80))
    chosen, again = (choose(networks, validation, library(networks), seed=3) for _ in range(2))
    counts = select(networks, labels)
    assert chosen.weights == pytest.approx(counts / counts.sum())
    assert chosen.fitted == pytest.approx(np.tensordot(chosen.weights, networks, 1), abs=1e-6)
    assert np.array_equal(chosen.out_of_fold, again.out_of_fold)
    assert chosen.out_of_fold.sum(axis=1) == pytest.approx(np.ones(80), abs=1e-5)
    assert chosen.folds == 5


def test_there_are_as_many_folds_as_the_rarest_class_has_groups():
    labels = np.array([0] * 6 + [1] * 6)
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8, 8])
    assert folds_of(Validation(labels=labels, groups=groups)) == 3
    alone = Validation(labels=labels, groups=np.array([*range(6), *[6] * 6]))
    assert folds_of(alone) == 1
    same = np.full((2, 12, 2), 0.5, np.float32)
    with pytest.raises(DataError, match="Each of 2 folds"):
        choose(same, alone, library(same))
