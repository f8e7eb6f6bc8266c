"""TensorFlow is set up once for the whole run of the tests, as in `tests/trainables`."""

import pytest

from trainables import Runtime, start


@pytest.fixture(scope="session", autouse=True)
def _tensorflow():
    start(Runtime(threads=1))
