"""A trial whose answers Hypothesis draws, so that it can shrink a failing configuration."""

from hypothesis import strategies as st


class DrawnTrial:
    def __init__(self, data):
        self._data = data
        self.params = {}
        self.user_attrs = {}

    def suggest_int(self, name, low, high, *, step=1, log=False):  # Optuna's signature
        return self._note(name, low + step * self._data.draw(st.integers(0, (high - low) // step)))

    def suggest_float(self, name, low, high, *, log=False):  # Optuna's signature
        return self._note(name, self._data.draw(st.floats(low, high)))

    def suggest_categorical(self, name, choices):
        return self._note(name, self._data.draw(st.sampled_from(choices)))

    def set_user_attr(self, key, value):
        self.user_attrs[key] = value

    def _note(self, name, value):
        self.params[name] = value
        return value
