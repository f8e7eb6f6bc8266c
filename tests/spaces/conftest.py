import pytest

from spaces import Task


@pytest.fixture
def task():
    return Task(image_size=150, channels=1, classes=("glioma", "meningioma", "notumor"))
