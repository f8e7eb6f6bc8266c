import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from fake_run import FakeRun

import reports

_HEAVY = ("ray", "tensorflow", "keras", "keras_tuner", "plotly", "pandas", "sklearn", "scipy")

_LEADERBOARD = """
import sys
from pathlib import Path
import reports
rows = reports.select_rows(reports.load_leaderboard(Path(sys.argv[1])), where="epochs > 1")
assert rows
shown = reports.show_leaderboard(Path(sys.argv[1]), where="epochs > 1", sort="seconds", top=2)
assert len(shown.rows) == 2
for format in ("table", "csv", "json", "markdown"):
    reports.render_rows(rows, format)
print("\\n".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    made = fake.write(tmp_path / "run")
    run = reports.read_run(made)
    reports.write_statistics(run)
    rows = reports.build_leaderboard(run)
    reports.write_leaderboard(rows, made / "leaderboard.parquet")
    return made


def _loaded(program: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_leaderboard_is_shown_without_anything_heavy(path: Path):
    loaded = _loaded(_LEADERBOARD, str(path))
    assert "pyarrow" in loaded
    assert not loaded.intersection((*_HEAVY, "jinja2"))


def test_importing_the_room_loads_nothing():
    loaded = _loaded("import reports, sys; print(*{n.partition('.')[0] for n in sys.modules})")
    assert not loaded.intersection((*_HEAVY, "pyarrow", "numpy", "rich", "jinja2", "pydantic"))


def test_the_list_of_public_names_is_the_truth():
    for name in reports.__all__:
        found = getattr(reports, name)
        home = importlib.import_module(found.__module__)
        assert name in home.__all__
    assert set(dir(reports)) == set(reports.__all__) == set(reports._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = reports.nonsense
