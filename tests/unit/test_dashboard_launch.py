from __future__ import annotations

import subprocess
import sys

from dashboard.launch import APP, command


def test_the_dashboard_listens_on_loopback_alone_and_calls_nobody() -> None:
    arguments = command(8766)
    assert arguments[:5] == [sys.executable, "-m", "streamlit", "run", str(APP)]
    assert "--server.port=8766" in arguments
    assert "--server.address=127.0.0.1" in arguments
    assert "--browser.gatherUsageStats=false" in arguments


def test_an_error_that_nobody_foresaw_shows_no_traceback_on_the_page() -> None:
    assert "--client.showErrorDetails=none" in command(8766)


def test_no_file_at_the_root_has_a_name_of_the_standard_library() -> None:
    names = {path.stem for path in APP.parent.iterdir()}
    assert not names & set(sys.stdlib_module_names)


def test_a_wrong_setting_ends_with_advice_and_no_traceback() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "dashboard"],
        env={"STEPFARM_NONSENSE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert "STEPFARM_NONSENSE is no setting" in found.stderr
    assert "Traceback" not in found.stderr
