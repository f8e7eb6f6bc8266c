"""What a scanner adds to a slice: scalp, contrast, uneven sensitivity, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scanner", "add_scalp", "draw_scanner", "expose"]

Image = NDArray[np.float32]


def add_scalp(image: Image, depth: NDArray[np.float32], random: np.random.Generator) -> Image:
    """Draws fluid, skull and scalp around the brain of most slices; the template has none.

    Args:
        image: Brain intensity 0 to 1, (size, size).
        depth: Millimetres below the brain's surface, negative outside, (size, size).
        random: Where all chance comes from.
    """
    stripped = random.random() < 0.2  # some scans are published without their skull
    fluid, bone = random.uniform(2.0, 4.0), random.uniform(4.0, 7.0)
    skin, brightness = random.uniform(4.0, 9.0), random.uniform(0.45, 0.85)
    marrow, of_skin = random.uniform(0.05, 0.20), random.spawn(1)[0]
    if stripped:
        return image
    outside = -depth
    layers = np.zeros_like(image)
    layers = np.where((outside > 0) & (outside <= fluid), 0.14, layers)
    layers = np.where((outside > fluid) & (outside <= fluid + bone), marrow, layers)
    in_skin = (outside > fluid + bone) & (outside <= fluid + bone + skin)
    layers = np.where(in_skin, brightness * _texture(image.shape, of_skin), layers)
    filled: Image = np.maximum(image, layers.astype(np.float32))
    return filled


@dataclass(frozen=True)
class Scanner:
    """How one scanner shows a head.

    Attributes:
        gamma: Power of the intensities.
        blur: Standard deviation in pixels of a picture 224 wide.
        noise: Of each of two channels, intensities being 0 to 1.
        brightness: Factor, up to 1.
        bias: Coefficients of the uneven sensitivity, (5,).
    """

    gamma: float
    blur: float
    noise: float
    brightness: float
    bias: NDArray[np.float64]

    def expose(self, image: Image, random: np.random.Generator) -> NDArray[np.uint8]:
        """Turns intensities into a grey picture, (size, size) uint8; `random` makes the noise."""
        from scipy.ndimage import gaussian_filter

        size = image.shape[0]
        seen = np.clip(image, 0, None) ** self.gamma * _field(size, self.bias)
        exposed = gaussian_filter(seen, self.blur * size / 224)
        # Magnitude images have Rician noise: that of two channels, added in quadrature.
        real = exposed + random.normal(0, self.noise, image.shape)
        imaginary = random.normal(0, self.noise, image.shape)
        magnitude = np.hypot(real, imaginary) * self.brightness * 225
        picture: NDArray[np.uint8] = np.clip(np.rint(magnitude), 0, 255).astype(np.uint8)
        return picture


def draw_scanner(random: np.random.Generator) -> Scanner:
    """Draws a scanner."""
    gamma, blur = random.uniform(0.8, 1.5), random.uniform(0.2, 0.9)
    noise, brightness = random.uniform(0.010, 0.035), random.uniform(0.75, 1.0)
    return Scanner(gamma, blur, noise, brightness, random.normal(0, 0.08, 5))


def expose(image: Image, random: np.random.Generator) -> NDArray[np.uint8]:
    """Turns intensities into a grey picture, (size, size) uint8, as some scanner would show it."""
    return draw_scanner(random).expose(image, random)


def _texture(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """A patchy factor around 1: fat, muscle and vessels are not even."""
    from scipy.ndimage import gaussian_filter

    scale = shape[0] / 224
    patches = gaussian_filter(random.normal(0, 1, shape), 3.0 * scale) * 3.0 * scale
    factor: NDArray[np.float64] = np.clip(1 + 0.6 * patches, 0.3, 1.4)
    return factor


def _field(size: int, bias: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth factor around 1 over the picture: coils see what is near them brighter."""
    steps = np.linspace(-1, 1, size)
    x, y = steps[None, :], steps[:, None]
    field: NDArray[np.float64] = np.exp(
        bias[0] * x + bias[1] * y + bias[2] * x * y + bias[3] * x**2 + bias[4] * y**2
    )
    return field
