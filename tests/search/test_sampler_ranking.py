import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import FAILED, completed, pruned

from search.sampling import ranking_for, standing_of


def stand(ending, objectives=1):
    return standing_of([ending], (1,) * objectives)


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 35))
def test_the_best_are_those_of_a_sort_and_earlier_ones_first_among_equals(values, count):
    ranking = ranking_for(1)
    for number, value in enumerate(values):
        ranking.add(number, stand(completed(float(value))))
    expected = sorted(range(len(values)), key=lambda number: (-values[number], number))
    assert ranking.best(count) == expected[:count]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.data())
def test_what_is_taken_out_is_gone(values, data):
    ranking = ranking_for(1)
    for number, value in enumerate(values):
        ranking.add(number, stand(completed(float(value))))
    gone = data.draw(st.integers(0, len(values) - 1))
    ranking.remove(gone, stand(completed(float(values[gone]))))
    assert sorted(ranking.best(99)) == [n for n in range(len(values)) if n != gone]


def fronts(points):
    left, found = set(range(len(points))), []
    while left:
        front = {
            i
            for i in left
            if not any(
                (points[j] >= points[i]).all() and (points[j] > points[i]).any() for j in left
            )
        }
        found.append(front)
        left -= front
    return found


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=15))
def test_several_objectives_rank_front_after_front(points):
    ranking = ranking_for(2)
    for number, point in enumerate(points):
        ranking.add(number, stand(completed(*map(float, point)), 2))
    ordered = ranking.best(len(points))
    start = 0
    for front in fronts(np.array(points)):
        assert set(ordered[start : start + len(front)]) == front
        start += len(front)


def test_only_completed_ones_are_on_a_front_and_the_rest_follows_by_standing():
    ranking = ranking_for(2)
    endings = [FAILED, pruned(3, 0.9), completed(0.1, 0.2), completed(0.3, 0.1), pruned(5, 0.1)]
    for number, ending in enumerate(endings):
        ranking.add(number, stand(ending, 2))
    best = ranking.best(5)
    assert set(best[:2]) == {2, 3}
    assert best[2:] == [4, 1, 0]


def test_the_front_of_thousands_is_found_again():
    rng = np.random.default_rng(0)
    points = rng.random((3000, 3))
    ranking = ranking_for(3)
    for number, point in enumerate(points):
        ranking.add(number, stand(completed(*point), 3))
    (front, *_) = fronts_of_large(points)
    found = ranking.best(25)
    assert set(found) <= front


def fronts_of_large(points):
    dominated = [((points >= p).all(axis=1) & (points > p).any(axis=1)).any() for p in points]
    yield set(np.flatnonzero(~np.array(dominated)).tolist())
