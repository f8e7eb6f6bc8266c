"""Is our sampler as good as plain TPE where its window binds? Many seeds, three landscapes.

For each landscape and seed both samplers run the same number of trials. Compared is the base-10
logarithm of the distance from the optimum, at the end and on average over the second half. The
p-value is of a one-sided sign-flip test paired by seed, whose null is that ours is not worse:
at 0.01 a sampler that is as good fails it once in a hundred.

    python -m benchmarks.sampler_quality [--seeds 20] [--trials 600] [--only families ...]
"""

from __future__ import annotations

import argparse
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import optuna
from numpy.typing import NDArray

from tests.search import sampler_contest as contest
from tests.search.landscapes import LANDSCAPES

Curves = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def run(name: str, seed: int, trials: int) -> Curves:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    make = LANDSCAPES[name]
    return (
        contest.ours(make(seed), trials, seed),
        contest.plain(make(seed), trials, seed),
        contest.at_random(make(seed), trials, seed),
    )


def line(name: str, figure: str, columns: list[NDArray[np.float64]]) -> str:
    ours, plain, drawn = columns
    difference = ours - plain
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return (
        f"{name:>10} {figure:>12} {ours.mean():>8.3f} {plain.mean():>8.3f} {drawn.mean():>8.3f} "
        f"{difference.mean():>+9.3f} {1.96 * error:>7.3f} "
        f"{contest.worse_by_chance(difference):>7.3f} {np.sum(difference <= 0):>6.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=list(LANDSCAPES), default=list(LANDSCAPES))
    options = parser.parse_args()
    print(f"{options.trials} trials, {options.seeds} seeds; log10 of the regret, lower is better")
    print(
        f"{'landscape':>10} {'figure':>12} {'ours':>8} {'plain':>8} {'random':>8} "
        f"{'ours-plain':>9} {'+-95%':>6} {'p worse':>7} {'<=':>6}"
    )
    with ProcessPoolExecutor(options.processes) as pool:
        for name in options.only:
            jobs = [pool.submit(run, name, s, options.trials) for s in range(options.seeds)]
            curves = [job.result() for job in jobs]
            for figure, part in (
                ("at the end", slice(-1, None)),
                ("second half", slice(-options.trials // 2, None)),
            ):
                columns = [np.array([c[kind][part].mean() for c in curves]) for kind in range(3)]
                print(line(name, figure, columns), flush=True)


if __name__ == "__main__":
    main()
