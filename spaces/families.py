"""The registry of families: every kind of network a search can draw."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spaces.family import FamilySpace
from spaces.mini_resnet import MINI_RESNET
from spaces.mini_vgg import MINI_VGG
from spaces.plain_cnn import PLAIN_CNN
from spaces.transfer import TRANSFER

__all__ = ["FAMILIES"]

FAMILIES: Mapping[str, FamilySpace] = MappingProxyType(
    {family.name: family for family in (PLAIN_CNN, MINI_VGG, MINI_RESNET, TRANSFER)}
)
