"""How one configuration is trained, with no Ray in sight.

Families, fit, fine-tuning, evaluation, export and prediction. Importing this room loads neither
TensorFlow nor Keras: a name does so when it is first used, so that `start` can come before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainables.assemble import Statistics
    from trainables.ensembles.members import Ensemble, Member, weighted_mean
    from trainables.ensembles.network import ensemble_latency, export_ensemble
    from trainables.evaluation import evaluate, latency
    from trainables.explanation import Explained, Wanted, explain_part
    from trainables.fine_tuning import fine_tune
    from trainables.fitting import fit
    from trainables.precision import measure_precision
    from trainables.prediction import Winner, load_winner, predict
    from trainables.probing import Probed, probe
    from trainables.publishing import export_winner, read_config
    from trainables.recipe import FineTune, Recipe
    from trainables.remembered import measured_precision
    from trainables.replay import rerun
    from trainables.results import EpochRecord, Evaluation, FitResult, Report
    from trainables.runtime import Runtime, start

__all__ = [
    "Ensemble",
    "EpochRecord",
    "Evaluation",
    "Explained",
    "FineTune",
    "FitResult",
    "Member",
    "Probed",
    "Recipe",
    "Report",
    "Runtime",
    "Statistics",
    "Wanted",
    "Winner",
    "ensemble_latency",
    "evaluate",
    "explain_part",
    "export_ensemble",
    "export_winner",
    "fine_tune",
    "fit",
    "latency",
    "load_winner",
    "measure_precision",
    "measured_precision",
    "predict",
    "probe",
    "read_config",
    "rerun",
    "start",
    "weighted_mean",
]

_HOME = {
    "Ensemble": "ensembles.members",
    "EpochRecord": "results",
    "Evaluation": "results",
    "Explained": "explanation",
    "FineTune": "recipe",
    "FitResult": "results",
    "Member": "ensembles.members",
    "Probed": "probing",
    "Recipe": "recipe",
    "Report": "results",
    "Runtime": "runtime",
    "Statistics": "assemble",
    "Wanted": "explanation",
    "Winner": "prediction",
    "ensemble_latency": "ensembles.network",
    "evaluate": "evaluation",
    "explain_part": "explanation",
    "export_ensemble": "ensembles.network",
    "latency": "evaluation",
    "export_winner": "publishing",
    "fine_tune": "fine_tuning",
    "fit": "fitting",
    "load_winner": "prediction",
    "measure_precision": "precision",
    "measured_precision": "remembered",
    "predict": "prediction",
    "probe": "probing",
    "read_config": "publishing",
    "rerun": "replay",
    "start": "runtime",
    "weighted_mean": "ensembles.members",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'trainables' has no attribute {name!r}")
    from trainables.runtime import quiet_import

    with quiet_import():
        found: object = getattr(import_module(f"trainables.{_HOME[name]}"), name)
    return found
