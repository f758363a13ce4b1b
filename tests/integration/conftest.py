"""Integration tests see no setting of the machine that they run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The environment without Stepfarm's variables, and a state directory of nobody's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("STEPFARM_")]:
            patch.delenv(name)
        patch.setenv("STEPFARM_HOME", str(tmp_path_factory.mktemp("home")))
        yield
