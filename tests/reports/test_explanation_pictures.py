import io

import numpy as np
from PIL import Image

from reports.explanation_pictures import COLOURS, map_png, picture_png


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_map_keeps_its_values_and_has_their_colours_beside_them():
    values = np.arange(256, dtype=np.uint8).reshape(8, 32)
    picture = _opened(map_png(values))
    assert (picture.mode, picture.size) == ("P", (32, 8))
    np.testing.assert_array_equal(np.asarray(picture), values)
    seen = np.asarray(picture.convert("RGBA")).reshape(256, 4)
    assert tuple(seen[0][:3]) == COLOURS[0]
    assert tuple(seen[255][:3]) == COLOURS[-1]
    alpha = seen[:, 3].astype(int)
    assert (alpha[0], alpha[10]) == (0, 0)
    assert alpha[255] == alpha.max() == 178  # what is below is never hidden
    assert (np.diff(alpha) >= 0).all()


def test_colours_get_lighter_all_the_way():
    values = np.arange(256, dtype=np.uint8)[None]
    red, green, blue = (
        np.asarray(_opened(map_png(values)).convert("RGBA"))[0, :, :3].astype(float).T
    )
    # Relative luminance by Rec. 709 of the linear light, as sRGB defines it.
    linear = [
        np.where(c <= 10.31, c / 3294.6, ((c / 255 + 0.055) / 1.055) ** 2.4)
        for c in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert (np.diff(luminance) > 0).all()


def test_grey_images_are_written_grey_and_coloured_ones_in_colour():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for pixels in (grey, grey[:, :, None], grey[:, :, None].repeat(3, axis=2)):
        picture = _opened(picture_png(pixels))
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), grey)
    coloured = np.stack([grey, grey, 255 - grey], axis=2)
    picture = _opened(picture_png(coloured))
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), coloured)
