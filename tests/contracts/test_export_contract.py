"""Every backbone can be expressed in ONNX and in TFLite, and gives the same answers there.

They have random weights and are the smallest that they can be: what is tested is that each of
their operations has a counterpart.
"""

import keras
import pytest
from export_samples import transfer_winner

from spaces import BACKBONES
from trainables.exporting.export import export_as
from trainables.exporting.formats import FORMATS

# Deep networks of random weights make more of rounding errors than trained ones: TensorFlow's own
# SavedModel differs by some 1e-5.
TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=BACKBONES)
def winner(request, tmp_path_factory):
    yield transfer_winner(tmp_path_factory.mktemp(request.param), request.param)
    keras.backend.clear_session()


@pytest.mark.long
@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_a_backbone_gives_the_same_answers(winner, name, tmp_path):
    made = export_as(FORMATS[name], winner, tmp_path, tolerance=TOLERANCE)
    assert made.checked.largest_difference <= TOLERANCE
