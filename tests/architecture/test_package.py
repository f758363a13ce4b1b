"""One distribution: the wheel carries every program, and its base is the agent in pure Python."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "dashboard", "migrations", "orchestrator", "stepfarm")
BASE = ("platformdirs", "tomli", "urllib3")
MOST_BASE_BYTES = 5_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from a copy so that nothing is left in the tree."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(made)], cwd=source, check=True, capture_output=True)
    return next(made.glob("*.whl"))


def test_the_wheel_carries_every_module_and_the_migrations(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())

    wanted = {str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}

    assert wanted - carried == set()
    assert "migrations/script.py.mako" in carried


def test_the_wheel_is_pure_python(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_base_needs_three_pure_packages() -> None:
    base = {re.split(r"[^a-z0-9-]", line)[0] for line in requires("stepfarm") or () if "extra ==" not in line}

    assert base == set(BASE)


def test_the_base_alone_runs_the_agent(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    for name in ("platformdirs", "urllib3"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        shutil.copytree(Path(found.origin).parent, tmp_path / name)
    begin = (
        "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p and p] + [sys.argv.pop(1)];"
        "from agent.cli import main; sys.exit(main(sys.argv[1:]))"
    )

    def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", begin, str(tmp_path), *arguments]
        environment = {"STEPFARM_HOME": str(tmp_path / "home")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert "enroll" in agent("--help").stdout
    assert "not enrolled" in agent("run").stderr
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.py")) < MOST_BASE_BYTES
