"""Made-up probes of the thirteen backbones, for a made-up run."""

from dataclasses import replace

from fake_data import VALIDATION_IMAGES
from fake_run import FakeRun, fake_run

from reports.records import Origin, Stage, Status, TrialRecord

TRAINING_IMAGES = 960
ROUNDS = 3

# backbone, share right, last round, weights in millions
_PROBES = (
    ("DenseNet201", 0.946, 3, 18.3),
    ("ResNet50V2", 0.938, 3, 23.6),
    ("DenseNet121", 0.929, 3, 7.0),
    ("EfficientNetB0", 0.925, 3, 4.0),
    ("ResNet152V2", 0.913, 2, 58.3),
    ("EfficientNetB1", 0.908, 2, 6.6),
    ("ResNet50", 0.904, 2, 23.6),
    ("MobileNetV3Large", 0.879, 1, 3.0),
    ("VGG16", 0.871, 1, 14.7),
    ("Xception", 0.858, 1, 20.9),
    ("VGG19", 0.85, 1, 20.0),
    ("InceptionV3", 0.838, 1, 21.8),
    ("MobileNetV2", 0.829, 1, 2.3),
)


def screened_run(*, both_ways: bool = False, weights: str = "imagenet") -> FakeRun:
    """The finished run of `fake_run` with a screening before its search."""
    fake = fake_run()
    fake.records[:0] = screen_records(both_ways=both_ways, weights=weights)
    return fake


def screen_records(*, both_ways: bool = False, weights: str = "imagenet") -> list[TrialRecord]:
    """One record a backbone, or two where both preprocessings are screened."""
    native = [_record(*probe, weights) for probe in _PROBES]
    return [*native, *map(_unit, native)] if both_ways else native


def _record(backbone: str, right: float, last: int, millions: float, weights: str) -> TrialRecord:
    model = fake_run().records[0]
    return replace(
        model,
        trial_id=f"screen-{backbone}",
        stage=Stage.SCREEN,
        origin=Origin.PAPER,
        family="transfer",
        backbone=backbone,
        weights=weights,
        preprocessing="native",
        weights_hash="random-0" if weights == "random" else "a" * 64,
        status=Status.COMPLETED if last == ROUNDS else Status.PRUNED,
        stop_reason="finished" if last == ROUNDS else "halving",
        hyperparameters={"family": "transfer", "transfer/backbone": backbone},
        val_accuracy=round(right * VALIDATION_IMAGES) / VALIDATION_IMAGES,
        val_loss=round(2 * (1 - right), 4),
        epochs=0,
        epochs_allowed=0,
        kept_epoch=None,
        seconds=round(4 * last + millions / 4, 2),
        parameters=round(millions * 1e6),
        multiply_adds=round(millions * 4e7),
        probe={
            "c": 0.1,
            "cv_accuracy": right - 0.01,
            "train_images": TRAINING_IMAGES >> (ROUNDS - last),
            "round": last,
            "rounds": ROUNDS,
        },
        runtime={},
    )


def _unit(native: TrialRecord) -> TrialRecord:
    """The same backbone fed x / 255: a little worse, and dropped a round earlier."""
    last = max(1, (native.probe or {})["round"] - 1)
    probe = {**(native.probe or {}), "round": last}
    probe["train_images"] = TRAINING_IMAGES >> (ROUNDS - last)
    right = round(((native.val_accuracy or 0.0) - 0.05) * VALIDATION_IMAGES)
    return replace(
        native,
        trial_id=f"{native.trial_id}-unit",
        preprocessing="unit",
        status=Status.PRUNED,
        stop_reason="halving",
        val_accuracy=right / VALIDATION_IMAGES,
        probe=probe,
    )
