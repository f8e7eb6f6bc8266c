"""What a network is built for: the size of its images and the classes it tells apart."""

from __future__ import annotations

from dataclasses import dataclass

from neurosweep.errors import SpaceError

__all__ = ["Task", "Value"]

Value = bool | int | float | str
"""A hyperparameter's value: what JSON, Optuna and KerasTuner all can hold."""

SMALLEST_IMAGE = 8


@dataclass(frozen=True)
class Task:
    """The image classification task that a configuration is trained on.

    Attributes:
        image_size: Height and width of the images in pixels, at least 8.
        channels: 1 for grey images, 3 for RGB.
        classes: Names of at least two classes, in the order of the outputs.

    Example:
        >>> Task(image_size=150, channels=1, classes=("glioma", "notumor")).shape
        (150, 150, 1)
    """

    image_size: int
    channels: int
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.image_size < SMALLEST_IMAGE:
            raise SpaceError(
                f"Images must be at least {SMALLEST_IMAGE} pixels wide, received image_size = "
                f"{self.image_size}. Set data.image_size to {SMALLEST_IMAGE} or more."
            )
        if self.channels not in (1, 3):
            raise SpaceError(
                f"Images have 1 channel (grey) or 3 (RGB), received {self.channels}. "
                "Set data.color to grey or rgb."
            )
        if len(self.classes) < 2:
            raise SpaceError(
                f"A classifier needs at least two classes, received {list(self.classes)}. "
                "Give a data folder with one sub-folder for each class."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image: (height, width, channels)."""
        return (self.image_size, self.image_size, self.channels)
