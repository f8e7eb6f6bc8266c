"""The thirteen pretrained backbones: names, sizes and files, without a Keras object.

Paper A compares thirteen ImageNet models and names one of them, ResNet50V2; the list is that of a
public notebook on the same data whose steps match (**ours**: an inference). What each record says
about files is what `keras.applications` downloads; tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["BACKBONES", "BackboneRecord"]

_TENSORFLOW = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERAS = "https://storage.googleapis.com/keras-applications"


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
        weights_hash: MD5 of the file; "" where Keras checks none.
        weights_mib: Rough size of the file in MiB, for messages.
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


def _record(
    name: str,
    module: str,
    sizes: tuple[int, int],
    scaling: str,
    top_block_start: str,
    weights: tuple[str, str, str, int],
) -> BackboneRecord:
    folder, file, checksum, mib = weights
    return BackboneRecord(
        name=name,
        constructor=f"keras.applications.{name}",
        native_size=sizes[0],
        minimum_size=sizes[1],
        preprocess=f"keras.applications.{module}.preprocess_input",
        scaling=scaling,
        top_block_start=top_block_start,
        weights_file=file,
        weights_url=f"{folder}/{file}",
        weights_hash=checksum,
        weights_mib=mib,
    )


def _tf_kernels(stem: str) -> str:
    return f"{stem}_weights_tf_dim_ordering_tf_kernels_notop.h5"


_RECORDS = (
    _record(
        "DenseNet121",
        "densenet",
        (224, 32),
        "torch",
        "conv5_block1_0_bn",
        (
            f"{_TENSORFLOW}/densenet",
            _tf_kernels("densenet121"),
            "30ee3e1110167f948a6b9946edeeb738",
            28,
        ),
    ),
    _record(
        "DenseNet201",
        "densenet",
        (224, 32),
        "torch",
        "conv5_block1_0_bn",
        (
            f"{_TENSORFLOW}/densenet",
            _tf_kernels("densenet201"),
            "c13680b51ded0fb44dff2d8f86ac8bb1",
            71,
        ),
    ),
    _record(
        "MobileNetV2",
        "mobilenet_v2",
        (224, 32),
        "tf",
        "block_13_expand",  # the first block that works on the last stage's maps
        (
            f"{_TENSORFLOW}/mobilenet_v2",
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            "",
            9,
        ),
    ),
    _record(
        "MobileNetV3Large",
        "mobilenet_v3",
        (224, 32),
        "inside",
        "expanded_conv_12_expand",  # the first block that works on the last stage's maps
        (
            f"{_TENSORFLOW}/mobilenet_v3",
            "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
            "07fb09a5933dd0c8eaafa16978110389",
            12,
        ),
    ),
    _record(
        "EfficientNetB0",
        "efficientnet",
        (224, 32),
        "inside",
        "block7a_expand_conv",
        (_KERAS, "efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d", 16),
    ),
    _record(
        "EfficientNetB1",
        "efficientnet",
        (240, 32),
        "inside",
        "block7a_expand_conv",
        (_KERAS, "efficientnetb1_notop.h5", "74c4e6b3e1f6a1eea24c589628592432", 26),
    ),
    _record(
        "InceptionV3",
        "inception_v3",
        (299, 75),
        "tf",
        "mixed7",  # has no weights itself; the layers behind it carry automatic names
        (
            f"{_TENSORFLOW}/inception_v3",
            _tf_kernels("inception_v3"),
            "bcbd6486424b2319ff4ef7d526e38f63",
            84,
        ),
    ),
    _record(
        "ResNet50",
        "resnet",
        (224, 32),
        "caffe",
        "conv5_block1_1_conv",
        (
            f"{_TENSORFLOW}/resnet",
            _tf_kernels("resnet50"),
            "4d473c1dd8becc155b73f8504c6f6626",
            90,
        ),
    ),
    _record(
        "ResNet50V2",
        "resnet_v2",
        (224, 32),
        "tf",
        "conv5_block1_preact_bn",  # paper A: block 5, and the batch norm after it
        (
            f"{_TENSORFLOW}/resnet",
            _tf_kernels("resnet50v2"),
            "fac2f116257151a9d068a22e544a4917",
            90,
        ),
    ),
    _record(
        "ResNet152V2",
        "resnet_v2",
        (224, 32),
        "tf",
        "conv5_block1_preact_bn",
        (
            f"{_TENSORFLOW}/resnet",
            _tf_kernels("resnet152v2"),
            "ed17cf2e0169df9d443503ef94b23b33",
            224,
        ),
    ),
    _record(
        "VGG16",
        "vgg16",
        (224, 32),
        "caffe",
        "block5_conv1",
        (f"{_TENSORFLOW}/vgg16", _tf_kernels("vgg16"), "6d6bbae143d832006294945121d1f1fc", 57),
    ),
    _record(
        "VGG19",
        "vgg19",
        (224, 32),
        "caffe",
        "block5_conv1",
        (f"{_TENSORFLOW}/vgg19", _tf_kernels("vgg19"), "253f8cb515780f3b799900260a226db6", 77),
    ),
    _record(
        "Xception",
        "xception",
        (299, 71),
        "tf",
        "block13_sepconv1_act",  # the exit flow
        (
            f"{_TENSORFLOW}/xception",
            _tf_kernels("xception"),
            "b0042744bf5b25fce3cb969f33bebb97",
            80,
        ),
    ),
)

BACKBONES: Mapping[str, BackboneRecord] = MappingProxyType(
    {record.name: record for record in _RECORDS}
)
