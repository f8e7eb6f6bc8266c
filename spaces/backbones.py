"""The pretrained backbones: names, sizes, costs and files, without a Keras object.

Paper A compares thirteen ImageNet models and names one of them, ResNet50V2; the list is that of a
public notebook on the same data whose steps match (**ours**: an inference). They are the default
roster. Six more can be asked for by name: newer, smaller and larger networks than the paper's.

What each record says about files is what `keras.applications` downloads, and what it says about
parameters and multiply-adds is what its networks have; tests hold it to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spaces.backbone_record import BackboneRecord

__all__ = ["BACKBONES", "DEFAULT_BACKBONES", "BackboneRecord"]

_TENSORFLOW = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERAS = "https://storage.googleapis.com/keras-applications"


def _record(
    name: str,
    module: str,
    sizes: tuple[int, int],
    scaling: str,
    top_block_start: str,
    weights: tuple[str, str, int],
    figures: tuple[int, int, int],
    *,
    saved_as: str = "",
    in_roster: bool = True,
) -> BackboneRecord:
    """A record from what differs: (native, smallest), (URL, checksum, MiB), (length, size, cost).

    `saved_as` is the file's name in Keras' cache where it is not that of the URL.
    """
    url, checksum, mib = weights
    length, parameters, multiply_adds = figures
    return BackboneRecord(
        name=name,
        constructor=f"keras.applications.{name}",
        native_size=sizes[0],
        minimum_size=sizes[1],
        preprocess=f"keras.applications.{module}.preprocess_input",
        scaling=scaling,
        top_block_start=top_block_start,
        weights_file=saved_as or url.rpartition("/")[2],
        weights_url=url,
        weights_hash=checksum,
        weights_mib=mib,
        feature_length=length,
        parameters=parameters,
        multiply_adds=multiply_adds,
        in_roster=in_roster,
    )


def _tf_kernels(folder: str, stem: str) -> str:
    return f"{_TENSORFLOW}/{folder}/{stem}_weights_tf_dim_ordering_tf_kernels_notop.h5"


_RECORDS = (
    _record(
        "DenseNet121",
        "densenet",
        (224, 32),
        "torch",
        "conv5_block1_0_bn",
        (_tf_kernels("densenet", "densenet121"), "30ee3e1110167f948a6b9946edeeb738", 28),
        (1_024, 7_037_504, 2_833_137_664),
    ),
    _record(
        "DenseNet201",
        "densenet",
        (224, 32),
        "torch",
        "conv5_block1_0_bn",
        (_tf_kernels("densenet", "densenet201"), "c13680b51ded0fb44dff2d8f86ac8bb1", 71),
        (1_920, 18_321_984, 4_289_445_888),
    ),
    _record(
        "MobileNetV2",
        "mobilenet_v2",
        (224, 32),
        "tf",
        "block_13_expand",  # the first block that works on the last stage's maps
        (
            f"{_TENSORFLOW}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224"
            "_no_top.h5",
            "",
            9,
        ),
        (1_280, 2_257_984, 299_494_272),
    ),
    _record(
        "MobileNetV3Large",
        "mobilenet_v3",
        (224, 32),
        "inside",
        "expanded_conv_12_expand",  # the first block that works on the last stage's maps
        (
            f"{_TENSORFLOW}/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
            "07fb09a5933dd0c8eaafa16978110389",
            12,
        ),
        (960, 2_996_352, 214_080_960),
    ),
    _record(
        "EfficientNetB0",
        "efficientnet",
        (224, 32),
        "inside",
        "block7a_expand_conv",
        (f"{_KERAS}/efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d", 16),
        (1_280, 4_049_571, 384_534_752),
    ),
    _record(
        "EfficientNetB1",
        "efficientnet",
        (240, 32),
        "inside",
        "block7a_expand_conv",
        (f"{_KERAS}/efficientnetb1_notop.h5", "74c4e6b3e1f6a1eea24c589628592432", 26),
        (1_280, 6_575_239, 685_522_832),
    ),
    _record(
        "InceptionV3",
        "inception_v3",
        (299, 75),
        "tf",
        "mixed7",  # has no weights itself; the layers behind it carry automatic names
        (_tf_kernels("inception_v3", "inception_v3"), "bcbd6486424b2319ff4ef7d526e38f63", 84),
        (2_048, 21_802_784, 5_711_168_096),
    ),
    _record(
        "ResNet50",
        "resnet",
        (224, 32),
        "caffe",
        "conv5_block1_1_conv",
        (_tf_kernels("resnet", "resnet50"), "4d473c1dd8becc155b73f8504c6f6626", 90),
        (2_048, 23_587_712, 3_855_925_248),
    ),
    _record(
        "ResNet50V2",
        "resnet_v2",
        (224, 32),
        "tf",
        "conv5_block1_preact_bn",  # paper A: block 5, and the batch norm after it
        (_tf_kernels("resnet", "resnet50v2"), "fac2f116257151a9d068a22e544a4917", 90),
        (2_048, 23_564_800, 3_480_207_360),
    ),
    _record(
        "ResNet152V2",
        "resnet_v2",
        (224, 32),
        "tf",
        "conv5_block1_preact_bn",
        (_tf_kernels("resnet", "resnet152v2"), "ed17cf2e0169df9d443503ef94b23b33", 224),
        (2_048, 58_331_648, 10_904_649_728),
    ),
    _record(
        "VGG16",
        "vgg16",
        (224, 32),
        "caffe",
        "block5_conv1",
        (_tf_kernels("vgg16", "vgg16"), "6d6bbae143d832006294945121d1f1fc", 57),
        (512, 14_714_688, 15_346_630_656),
    ),
    _record(
        "VGG19",
        "vgg19",
        (224, 32),
        "caffe",
        "block5_conv1",
        (_tf_kernels("vgg19", "vgg19"), "253f8cb515780f3b799900260a226db6", 77),
        (512, 20_024_384, 19_508_428_800),
    ),
    _record(
        "Xception",
        "xception",
        (299, 71),
        "tf",
        "block13_sepconv1_act",  # the exit flow
        (_tf_kernels("xception", "xception"), "b0042744bf5b25fce3cb969f33bebb97", 80),
        (2_048, 20_861_480, 8_355_355_496),
    ),
    _record(
        "EfficientNetV2B0",
        "efficientnet_v2",
        (224, 32),
        "inside",
        "block6a_expand_conv",
        (
            f"{_TENSORFLOW}/efficientnet_v2/efficientnetv2-b0_notop.h5",
            "893217f2bb855e2983157299931e43ff",
            23,
        ),
        (1_280, 5_919_312, 716_806_176),
        in_roster=False,
    ),
    _record(
        "EfficientNetV2S",
        "efficientnet_v2",
        (384, 32),
        "inside",
        "block6a_expand_conv",
        (
            f"{_TENSORFLOW}/efficientnet_v2/efficientnetv2-s_notop.h5",
            "af0682fb74e8c54910f2d4393339c070",
            79,
        ),
        (1_280, 20_331_360, 8_364_337_152),
        in_roster=False,
    ),
    _record(
        "ConvNeXtTiny",
        "convnext",
        (224, 32),
        "inside",
        "convnext_tiny_downsampling_layernorm_2",  # Keras hides it in a network within the network
        (
            f"{_TENSORFLOW}/convnext/convnext_tiny_notop.h5",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            106,
        ),
        (768, 27_820_128, 4_454_763_264),
        in_roster=False,
    ),
    _record(
        "MobileNet",
        "mobilenet",
        (224, 32),
        "tf",
        "conv_dw_12",
        (f"{_TENSORFLOW}/mobilenet/mobilenet_1_0_224_tf_no_top.h5", "", 16),
        (1_024, 3_228_864, 567_716_352),
        in_roster=False,
    ),
    _record(
        "NASNetMobile",
        "nasnet",
        (224, 32),
        "tf",
        "reduction_conv_1_reduce_8",  # the first convolution of the last reduction cell
        (f"{_TENSORFLOW}/nasnet/NASNet-mobile-no-top.h5", "1ed92395b5b598bdda52abe5c0dbfd63", 19),
        (1_056, 4_269_716, 562_582_816),
        saved_as="nasnet_mobile_no_top.h5",
        in_roster=False,
    ),
    _record(
        "InceptionResNetV2",
        "inception_resnet_v2",
        (299, 75),
        "tf",
        "block17_20_ac",  # has no weights itself; the layers behind it carry automatic names
        (
            _tf_kernels("inception_resnet_v2", "inception_resnet_v2"),
            "d19885ff4a710c122648d3b5c3b684e4",
            209,
        ),
        (1_536, 54_336_736, 13_154_258_016),
        in_roster=False,
    ),
)

BACKBONES: Mapping[str, BackboneRecord] = MappingProxyType(
    {record.name: record for record in _RECORDS}
)
"""All backbones by name: those of the default roster first, then the six beside it."""

DEFAULT_BACKBONES: tuple[str, ...] = tuple(record.name for record in _RECORDS if record.in_roster)
"""The thirteen that `backbones: default` means, in paper A's rows."""
