"""Families of networks: one HyperModel for each entry of the registry in `spaces`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trainables.families.family import Family
from trainables.families.mini_resnet import MiniResNet
from trainables.families.mini_vgg import MiniVGG
from trainables.families.plain_cnn import PlainCNN
from trainables.families.transfer import Transfer

__all__ = ["FAMILIES", "Family", "MiniResNet", "MiniVGG", "PlainCNN", "Transfer"]

FAMILIES: Mapping[str, type[Family]] = MappingProxyType(
    {family.name: family for family in (PlainCNN, MiniVGG, MiniResNet, Transfer)}
)
