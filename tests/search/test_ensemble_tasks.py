"""What a worker does for an ensemble, on real images and networks with arbitrary weights."""

import io

import numpy as np
import pytest
import yaml
from export_samples import RESNET
from PIL import Image

import scans
import trainables
from search.retraining import train_again, with_weights_here
from search.workers import tasks
from spaces import Task
from trainables import Ensemble, Member, Recipe, load_winner, predict
from trainables.assemble import build_core

# Keras 3.15 saves its variables through an __array__ that NumPy 2 calls outdated.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras"
)

CLASSES = ("dark", "light")
CONFIGURATION = {
    **RESNET,
    "training/optimizer": "adam",
    "training/learning_rate": 1e-2,
    "training/schedule": "constant",
    "training/batch_size": 8,
    "training/weight_decay": 0.0,
    "training/label_smoothing": 0.0,
    "training/augmentation": False,
    "training/patience": 5,
}


@pytest.fixture(scope="module", autouse=True)
def _started():
    trainables.start(trainables.Runtime(threads=1))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in (("Training", 20), ("Testing", 4)):
        for label, mean in zip(CLASSES, (60, 180), strict=True):
            place = folder / part / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(rng.normal(mean, 30, (20, 24)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    cache = tmp_path_factory.mktemp("cache")
    manifest = scans.read_manifest(folder, cache=cache)
    split = scans.divide(
        manifest, scans.Division(validation=0.2, seed=0, drop_leaks=False), cache=cache
    )
    return scans.Source(
        root=folder,
        split=split,
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=True,
        cache=cache,
    )


def ensemble():
    recipes = [
        Recipe(
            configuration=CONFIGURATION,
            task=Task(image_size=size, channels=channels, classes=CLASSES),
            epochs=1,
            seed=seed,
        )
        for seed, (size, channels) in enumerate([(16, 1), (20, 3)])
    ]
    pairs = enumerate(zip(recipes, (0.75, 0.25), strict=True))
    return Ensemble(
        tuple(
            Member(trial_id=f"t{n}", weight=weight, recipe=recipe) for n, (recipe, weight) in pairs
        )
    )


def test_a_worker_times_and_publishes_members_of_two_sizes(source, tmp_path):
    made = ensemble()
    weights = [build_core(member.recipe).get_weights() for member in made.members]
    payload = {"ensemble": made, "weights": weights, "source": source, "report": lambda _: True}
    latency = tasks.ensemble_latency(**payload)
    assert latency.one.median > 0
    files = tasks.export_ensemble(**payload, scores={"trial_id": "e0001"})
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert yaml.safe_load(io.BytesIO(files["config.yaml"]))["ensemble"] == made.to_list()
    said = [
        tasks.evaluate(
            recipe=member.recipe, weights=own, source=source, part="test", report=lambda _: True
        ).probabilities
        for member, own in zip(made.members, weights, strict=True)
    ]
    split = source.split.to_pylist()
    files = [source.root / row["file"] for row in split if row["part"] == "test"]
    images = [scans.decode(file, image_size=None, color="rgb") for file in files]
    together = predict(load_winner(tmp_path), images)
    assert together == pytest.approx(trainables.weighted_mean(said, made.weights), abs=1e-4)


def test_members_trained_again_are_compared_and_written_as_one(source, tmp_path, capsys):
    made = ensemble()
    training, lines = train_again("e0001", with_weights_here(made), made, source), []
    while True:
        try:
            lines.append(next(training))
        except StopIteration as end:
            trained = end.value
            break
    assert [line.split(":")[0] for line in lines] == [
        "training t0 (member 1 of 2 of e0001, weight 0.75)",
        "training t1 (member 2 of 2 of e0001, weight 0.25)",
        "the ensemble, on the images that its weights were chosen on",
    ]
    assert capsys.readouterr().out.count("epoch   1") == 2
    assert trained.images == source.split["part"].to_pylist().count("validation")
    assert trained.figures["fitted_val_accuracy"] == trained.val_accuracy
    trained.write(tmp_path / "again", {"trial_id": "e0001"})
    again, scores = trainables.read_config(tmp_path / "again" / "config.yaml")
    assert (again, scores) == (made, {"trial_id": "e0001"})
    assert load_winner(tmp_path / "again").classes == CLASSES
