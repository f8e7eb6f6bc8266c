"""TensorFlow is set up once, before any test runs an operation."""

import pytest
from trainables_samples import make_dataset

from trainables import Runtime, start


@pytest.fixture(scope="session", autouse=True)
def _tensorflow():
    start(Runtime(threads=1))


@pytest.fixture(scope="session")
def dataset():
    return make_dataset()
