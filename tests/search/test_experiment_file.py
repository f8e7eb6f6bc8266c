from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spaces
from neurosweep.errors import ExperimentError
from search.experiment import FAMILY_NAMES, Experiment, seconds_of
from search.experiment_file import load_experiment, parse_experiment, resume_experiment

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def parsed(text: str, *overrides: str) -> Experiment:
    return parse_experiment(text, source="given.yaml", overrides=overrides)


def test_families_of_experiments_are_those_of_spaces():
    assert set(FAMILY_NAMES) == set(spaces.FAMILIES)


def test_an_empty_file_gives_the_defaults():
    experiment = parsed("")
    assert experiment == Experiment()
    assert set(experiment.families) == set(FAMILY_NAMES)
    assert experiment.search.trials == 60
    assert experiment.epochs == 30


def test_demo_is_embedded_with_random_weights_and_one_small_backbone():
    demo = load_experiment(None)
    assert demo.name == "demo"
    assert set(demo.families) == set(FAMILY_NAMES)
    assert demo.transfer is not None
    assert demo.transfer.weights == "random"
    assert demo.transfer.backbones == ("MobileNetV2",)


@pytest.mark.parametrize("name", ["brain_mri.yaml", "brain_mri_small.yaml"])
def test_experiments_of_the_repository_declare_a_space(name):
    from search.books.assignment import Plan

    experiment = load_experiment(EXPERIMENTS / name)
    space = Plan(experiment=experiment, classes=("a", "b")).space()
    assert spaces.describe(space)


def test_reference_experiment_uses_imagenet_and_the_laptop_one_no_weights():
    reference = load_experiment(EXPERIMENTS / "brain_mri.yaml")
    laptop = load_experiment(EXPERIMENTS / "brain_mri_small.yaml")
    assert reference.transfer is not None
    assert reference.transfer.weights == "imagenet"
    assert reference.data.image_size == 150
    assert laptop.transfer is None
    assert laptop.data.image_size == 96
    assert not laptop.search.papers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seach: {trials: 3}", r"seach: unknown key; did you mean `search`\?"),
        ("search: {trails: 3}", r"search\.trails: unknown key; did you mean `trials`\?"),
        ("data: {zzz: 1}", r"data\.zzz: unknown key; known here are color, "),
        ("data: {image_size: big}", r"data\.image_size: .*integer.*received 'big'"),
        ("data: {image_size: 8}", r"data\.image_size: .*greater than or equal to 16"),
        ("search: {trials: -1}", r"search\.trials: .*received -1"),
        ("search: {trials: null}", "a search needs an end"),
        ("search: {time_budget: soon}", "a duration is a number with a unit s, m, h or d"),
        ("families: {resnet: {}}", "unknown family 'resnet'; families are plain_cnn"),
        ("families: {}", "name at least one family"),
        ("families: {transfer: {keep: 0}}", "keep"),
        ("training: {epochs: 0}", "`training.epochs` is a whole number from 1 to 10000"),
        ("training: {epochs: yes}", "`training.epochs` is a whole number"),
        ("name: ../up", "name: "),
        ("families: {transfer: [MobileNetV2]}", "`families.transfer` is a mapping such as"),
        ("families: {plain_cnn: 5}", "`families.plain_cnn` is a mapping such as"),
        ("families: {transfer: {copies: 33}}", "copies"),
        ("resources: {gpus_per_trial: 1.5}", "or a whole number of them; received 1.5; say 1 or 2"),
        ("resources: {xla: true, deterministic: true}", "cannot both be true"),
        (
            "final: {ensemble: maybe}",
            r"`final.ensemble` is row .* or false .none.; received .maybe.",
        ),
        ("data: {leaks: maybe}", r"data\.leaks: .*'keep' or 'drop'; received 'maybe'"),
        ("data: {folds: 1}", r"data\.folds: .*greater than or equal to 2; received 1"),
        ("data: {folds: 21}", r"data\.folds: .*less than or equal to 20; received 21"),
        ("data: {label: x.csv}", r"data\.label: unknown key; did you mean `labels`\?"),
        (
            "search: {max_cost: 3}",
            "`search.max_cost` needs what nodes cost: set .*`, such as .*received None",
        ),
        (
            "{search: {max_cost: 3}, resources: {price_per_hour: {own: 0}}}",
            r"`search.max_cost` needs what nodes cost.*received \{'own': 0\.0\}",
        ),
        ("search: {max_cost: 0}", r"search\.max_cost: .*greater than 0; received 0"),
        (
            "resources: {price_per_hour: {gpu_worker: -1}}",
            r"`resources.price_per_hour` is a number of at least 0.*received \{'gpu_worker': -1\}",
        ),
        ("resources: {price_per_hour: {}}", r"a number of at least 0 .*received \{\}"),
        ("resources: {price_per_hour: .inf}", "a number of at least 0 .*received inf"),
        ("resources: {price_per_hour: true}", "a number of at least 0 .*received True"),
        ("resources: {currency: US Dollars}", r"resources\.currency: "),
        ("final: {repeats: 0}", r"final\.repeats: .*greater than or equal to 1; received 0"),
        ("final: {repeats: 101}", r"final\.repeats: .*less than or equal to 100; received 101"),
        (
            "{search: {repeats: 2}, final: {repeats: 3}}",
            "`search.repeats` repeats every configuration.*received 2 and 3. Leave one of them out",
        ),
        ("search: {repeats: 0}", r"search\.repeats: .*greater than or equal to 1; received 0"),
        ("search: {constraints: [x]}", "a constraint is FIGURE <= NUMBER"),
        ("search: {objective: [val_loss, val_loss]}", "each once"),
        ("search: {objective: speed}", "search.objective"),
        ("resources: {workers: 0}", "`resources.workers` is at least 1; received 0"),
        ("- a\n- b", "must be a mapping of keys"),
        ("a: [", "not readable as YAML"),
        ("a: !!python/object/apply:os.system ['true']", "not readable as YAML"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text, message):
    with pytest.raises(ExperimentError, match=message):
        parsed(text)


def test_an_upside_down_range_is_refused_before_anything_runs():
    from neurosweep.errors import SpaceError
    from search.books.assignment import Plan

    experiment = parsed("families: {mini_resnet: {filters: {min: 64, max: 16}}}")
    with pytest.raises(SpaceError, match="filters"):
        Plan(experiment=experiment, classes=("a", "b")).space()


def test_set_changes_one_value_and_makes_sections_on_the_way():
    experiment = parsed("name: x", "search.trials=7", "data.image_size=64", "training.epochs=3")
    assert experiment.search.trials == 7
    assert experiment.data.image_size == 64
    assert experiment.epochs == 3


@pytest.mark.parametrize("override", ["search.trials", "=3", "search..trials=3", ""])
def test_set_needs_a_path_and_a_value(override):
    with pytest.raises(ExperimentError, match=r"--set takes key\.path=value"):
        parsed("name: x", override)


def test_set_does_not_make_a_section_of_a_value():
    with pytest.raises(ExperimentError, match="holds a value, not a section"):
        parsed("name: x", "name.first=y")


def test_set_refuses_unknown_keys_too():
    with pytest.raises(
        ExperimentError, match=r"search\.trails: unknown key; did you mean `trials`"
    ):
        parsed("name: x", "search.trails=3")


def test_a_resumed_experiment_survives_its_record():
    experiment = parsed("families: {transfer: {weights: random}}\nsearch: {time_budget: 90s}")
    again = resume_experiment(experiment, ["search.trials=9"])
    assert again.search.trials == 9
    assert again.search.time_budget == 90.0
    assert again.families == experiment.families


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ExperimentError, match="there is no experiment file .*absent.yaml"):
        load_experiment(tmp_path / "absent.yaml")


def test_a_binary_or_huge_file_is_refused(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExperimentError, match="not UTF-8"):
        load_experiment(binary)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ExperimentError, match="larger than 1000000 bytes"):
        load_experiment(huge)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("2d", 172_800), ("45", 45), (20, 20), (0.5, 0.5)],
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-3m", "0", "nan", "inf", "3x", "1h30m"])
def test_durations_that_cannot_be(text):
    with pytest.raises(ValueError, match="a duration is"):
        seconds_of(text)


@given(st.floats(min_value=0.001, max_value=1e6))
def test_a_duration_in_minutes_is_sixty_times_its_seconds(value):
    assert seconds_of(f"{value!r}m") == pytest.approx(60 * seconds_of(f"{value!r}s"))


def test_folders_are_taken_from_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = parsed(
        "data: {path: images, groups: patients.csv, labels: labels.csv}\n"
        "families: {transfer: {weights: staged}}"
    )
    monkeypatch.chdir("/")
    assert experiment.data.path == tmp_path / "images"
    assert experiment.data.groups == tmp_path / "patients.csv"
    assert experiment.data.labels == tmp_path / "labels.csv"
    assert experiment.transfer is not None
    assert experiment.transfer.weights == str(tmp_path / "staged")


@pytest.mark.parametrize("uri", ["s3://bucket/w/", "gs://bucket/w?x=1", "abfs://in@account/w"])
def test_weights_on_a_store_stay_as_they_are_written(uri):
    experiment = parsed(f"families: {{transfer: {{weights: '{uri}'}}}}")
    assert experiment.transfer is not None
    assert experiment.transfer.weights == uri


def test_credentials_in_the_place_of_weights_are_refused_and_not_repeated():
    with pytest.raises(ExperimentError, match="credentials come from the environment") as told:
        parsed("families: {transfer: {weights: 's3://key:secret@bucket/w'}}")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "override",
    [
        "search.seed=5",
        "data.image_size=64",
        "data.folds=5",
        "data.leaks=drop",
        "data.groups=patients.csv",
        "data.labels=labels.csv",
        "families={plain_cnn: {}}",
        "training.epochs=3",
    ],
)
def test_a_resumed_run_keeps_the_experiment_it_began_with(override):
    key = override.partition("=")[0]
    with pytest.raises(ExperimentError, match=f"may change, received another {key}.*new run"):
        resume_experiment(parsed("name: x"), [override])


def test_a_resumed_run_may_ask_for_another_number_of_seeds_of_its_finalists():
    again = resume_experiment(parsed("final: {repeats: 3}"), ["final.repeats=5"])
    assert again.final.repeats == 5
    assert resume_experiment(again, ["final.repeats=1"]).final.repeats == 1


def test_seeds_of_finalists_are_refused_where_the_run_repeats_every_configuration():
    with pytest.raises(ExperimentError, match=r"received 2 and 3. Leave one of them out"):
        resume_experiment(parsed("search: {repeats: 2}"), ["final.repeats=3"])


def test_what_a_run_was_split_by_survives_its_record():
    text = "data: {folds: 5, leaks: drop, groups: /lists/patients.csv, labels: /lists/labels.csv}"
    again = resume_experiment(parsed(text), ["search.trials=9"])
    assert again.data == parsed(text).data
    assert (again.data.folds, again.data.leaks) == (5, "drop")


def test_a_record_from_before_there_were_labels_can_be_resumed():
    recorded = parsed("").model_dump(mode="json")
    del recorded["data"]["labels"]
    assert Experiment.model_validate(recorded) == parsed("")


def test_a_home_folder_is_meant_as_one():
    experiment = parsed("data: {path: ~/images}\nfamilies: {transfer: {weights: ~/staged}}")
    assert experiment.data.path == Path.home() / "images"
    assert experiment.transfer is not None
    assert experiment.transfer.weights == str(Path.home() / "staged")


def test_native_sizes_are_meant_where_no_size_is_said():
    from search.books.assignment import Plan

    text = "data: {image_size: 64}\nfamilies: {transfer: {backbones: [InceptionV3]}}"
    plan = Plan(experiment=parsed(text), classes=("a", "b"))
    assert plan.backbones() == ("InceptionV3",)
    assert plan.image_sizes() == [299]
    assert spaces.describe(plan.space())
