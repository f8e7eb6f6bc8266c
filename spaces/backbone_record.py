"""What is known of one pretrained backbone, without a Keras object."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BackboneRecord"]


@dataclass(frozen=True, kw_only=True)
class BackboneRecord:
    """One backbone.

    Attributes:
        name: As in `keras.applications`, and as `transfer/backbone` says.
        constructor: Dotted path of the function that builds it.
        native_size: Height and width in pixels it was trained at.
        minimum_size: Smallest height and width it takes.
        preprocess: Dotted path of Keras' own preprocessing.
        scaling: The kind of that preprocessing: "tf" (-1 to 1), "caffe" (BGR minus the mean),
            "torch" (ImageNet mean and deviation) or "inside" (the network does it; feed 0-255).
        top_block_start: Layer at which the last stage begins, itself included. It is behind all
            earlier stages, in the order of the model's layers.
        weights_file: Keras' own name of the weights without the classifier.
        weights_url: Where Keras downloads them from.
        weights_hash: Of the file, as Keras checks it: MD5 (32 hexadecimal digits) or SHA-256 (64);
            "" where Keras checks none.
        weights_mib: Rough size of the file in MiB, for messages.
        feature_length: Channels of the last maps, thus numbers per image behind global pooling.
        parameters: Of the network without its classifier, statistics of batch norm included.
        multiply_adds: Of one image at `native_size` through the network without its classifier,
            in convolutions and dense layers (`trainables.multiply_adds`).
        in_roster: Whether `backbones: default` means it; the others are there by name.
    """

    name: str
    constructor: str
    native_size: int
    minimum_size: int
    preprocess: str
    scaling: str
    top_block_start: str
    weights_file: str
    weights_url: str
    weights_hash: str
    weights_mib: int
    feature_length: int
    parameters: int
    multiply_adds: int
    in_roster: bool
