"""Whether a heavy package works here, found out in a child process: a crash is an answer."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import agent

LONGEST_S = 300.0
"""Importing torch takes minutes on a small board with a cold cache."""

# Some builds load well and meet the instruction that is missing in their first multiplication.
_PROGRAM = """
import sys, importlib
name = sys.argv[1]
package = importlib.import_module(name)
if name == "torch":
    package.nn.Linear(64, 64)(package.ones(8, 64))
print(package.__version__)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What trying a package came to: its ``version``, or why there is none."""

    version: str | None = None
    complaint: str = ""
    missing: bool = False
    illegal_instruction: bool = False


def probe_import(package: str, *, python: str = sys.executable, longest_s: float = LONGEST_S) -> Probed:
    """Import ``package`` in a fresh ``python``, as the measuring child would; torch multiplies two matrices too."""
    try:
        done = subprocess.run(
            [python, "-c", _PROGRAM, package],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=longest_s,
            # With -c Python looks into the working folder first: nothing there may pose as the package.
            cwd=Path(agent.__file__).resolve().parents[1],
        )
    except OSError as error:
        return Probed(complaint=f"{python} does not start: {error}")
    except subprocess.TimeoutExpired:
        return Probed(complaint=f"the import took longer than {longest_s:.0f} s")
    return probed(package, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def probed(package: str, status: int, output: str, errors: str) -> Probed:
    """What the end of the probing process says.

    Args:
        package: what it was to import.
        status: its exit status, or minus the number of the signal that ended it.
        output: what it wrote to standard output; the last line is the version.
        errors: what it wrote to standard error; the last line names the error.
    """
    if status == 0 and output.strip():
        return Probed(version=output.strip().splitlines()[-1][:200])
    if status == -signal.SIGILL:
        return Probed(
            complaint="the import met an instruction that this processor does not have (SIGILL)",
            illegal_instruction=True,
        )
    if status < 0:
        return Probed(complaint=f"the import was ended by signal {-status}")
    last = (errors.strip().splitlines() or [f"the import ended with status {status}"])[-1][:1_000]
    # A package that is there may lack another one, and then the name is another.
    return Probed(complaint=last, missing=last == f"ModuleNotFoundError: No module named '{package}'")
