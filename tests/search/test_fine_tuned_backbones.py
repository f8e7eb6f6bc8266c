"""`final.fine_tune_backbones` is checked before a search begins, not hours later."""

import pytest
from doubles import plan

from neurosweep.errors import ExperimentError, SpaceError
from search import dry_run

TRANSFER = (
    "families: {transfer: {weights: random, image_size: 96, backbones: [VGG16, ResNet50V2]}}\n"
)


def named(backbone, families=TRANSFER):
    return plan(f"{families}final: {{fine_tune_backbones: [{backbone}]}}")


def test_one_that_takes_part_is_fine():
    named("VGG16").check()


@pytest.mark.parametrize("wrong", ["ResNet50V3", "ResNet50"])
def test_one_that_takes_no_part_is_refused_with_the_nearest(wrong):
    with pytest.raises(SpaceError, match=f"'{wrong}'. Did you mean ResNet50V2"):
        named(wrong).check()


def test_without_transfer_there_is_none():
    with pytest.raises(ExperimentError, match="transfer takes no part. Add it under families"):
        named("VGG16", "families: {mini_resnet: {}}\n").check()


def test_a_dry_run_refuses_one_too():
    with pytest.raises(SpaceError, match="Did you mean VGG16"):
        dry_run.describe(named("VGG19").experiment)


@pytest.mark.parametrize(
    ("final", "told"),
    [
        ("{}", "final        fine-tune the winner's top block in up to 4 ways; the best 5 on"),
        (
            "{fine_tune_trials: 1, fine_tune_backbones: [VGG16]}",
            "final        fine-tune the winner's top block in 1 way; also VGG16; the best 5 on",
        ),
        ("{fine_tune: false}", "the best 5 on the test set, once; their ensemble has a row\n"),
        ("{fine_tune: false, ensemble: true}", "once; their ensemble may win\n"),
        ("{fine_tune: false, ensemble: false}", "the best 5 on the test set, once\n"),
    ],
)
def test_a_dry_run_tells_how_much_is_fine_tuned(final, told):
    assert told in dry_run.describe(plan(f"{TRANSFER}final: {final}").experiment)


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ("{}", "each trial   1 CPU, one GPU where the cluster has any; measured per family: "),
        ("{gpus_per_trial: 0}", "1 CPU, no GPU; "),
        ("{gpus_per_trial: 0.5}", "1 CPU, 0.5 of a GPU, its memory fenced to that share; "),
        ("{gpus_per_trial: 1, cpus_per_trial: 2}", "2 CPU, one GPU; "),
        ("{gpus_per_trial: 2, xla: false}", "one GPU; fine-tuning of backbones 2 of one node; "),
        ("{xla: false, precision: float32, fused_batch_norm: false}", "has any\n"),
    ],
)
def test_a_dry_run_says_what_a_trial_gets(resources, told):
    text = f"families: {{mini_vgg: {{}}}}\nresources: {resources}"
    assert told in dry_run.describe(plan(text).experiment)
