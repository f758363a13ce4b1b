"""The installed packages are found from wherever Python is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_beside_a_folder_called_stepfarm_the_package_is_found_and_not_the_folder(tmp_path: Path) -> None:
    (tmp_path / "stepfarm").mkdir()

    told = subprocess.run(
        [sys.executable, "-c", "import stepfarm; print(stepfarm.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == str(ROOT / "stepfarm" / "__init__.py")
