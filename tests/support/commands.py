"""``stepfarm`` in this process: what a person types, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from orchestrator.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Stepfarm:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ended:
        """How the command ended."""
        try:
            code = main(arguments)
        except SystemExit as exit_:  # argparse
            code = int(exit_.code or 0)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)

    def refused(self, *arguments: str) -> str:
        """What the command printed about why it would not."""
        ended = self(*arguments)
        assert ended.code != 0
        assert "Traceback" not in ended.err
        assert ended.err.startswith(("stepfarm: ", "usage: ")) or "\nstepfarm: " in ended.err
        assert len(ended.err.strip().splitlines()) >= 2, "a message and advice"
        return ended.err
