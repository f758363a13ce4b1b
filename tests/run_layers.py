"""Runs the checks and the test layers and prints the time of each.

The checks take one core and measure nothing, so they run beside the first layers.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent

CHECKS = (
    ("ruff", ["ruff", "check", "--quiet", "."]),
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("imports", ["lint-imports"]),
    ("mypy", ["mypy"]),
)
LAYERS = ("architecture", "unit", "contract", "integration", "cluster", "e2e", "browser")
KNOWN = ("check", *LAYERS)
# Layers whose files know nothing of one another, and time nothing: a file goes to one of two processes.
SIDE_BY_SIDE = ("unit", "contract", "integration")


@dataclass
class Ended:
    """How a layer came out, and in how many seconds."""

    name: str
    passed: bool
    seconds: float


def run_checks() -> Ended:
    """Every check, one after the other; what one of them has to say is printed when all have ended."""
    began = time.monotonic()
    words, passed = [], True
    for name, command in CHECKS:
        ended = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        passed = passed and ended.returncode == 0
        words.append(f"{name}: ok" if ended.returncode == 0 else f"{ended.stdout.rstrip()}\n{name}: FAILED")
    print("\n=== check\n" + "\n".join(words), flush=True)
    return Ended("check", passed, time.monotonic() - began)


def run_layer(name: str) -> Ended:
    """The tests of one layer."""
    began = time.monotonic()
    print(f"\n=== {name}", flush=True)
    spread = ["--numprocesses=2", "--dist=loadfile"] if name in SIDE_BY_SIDE else []
    passed = subprocess.run([str(BIN / "pytest"), "-q", *spread, f"tests/{name}"], check=False).returncode == 0
    return Ended(name, passed, time.monotonic() - began)


def main(wanted: list[str]) -> int:
    """Run what is wanted, by default everything; 0 if all of it passes."""
    unknown = [name for name in wanted if name not in KNOWN]
    if unknown:
        print(f"There is no layer {unknown[0]}. The layers are: {', '.join(KNOWN)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    ended: list[Ended] = []
    names = wanted or list(KNOWN)
    checks = threading.Thread(target=lambda: ended.append(run_checks()))
    if "check" in names:
        checks.start()
    ended += [run_layer(name) for name in names if name != "check"]
    if "check" in names:
        checks.join()
    print()
    for one in ended:
        print(f"{one.name:14}{'ok' if one.passed else 'FAILED':8}{one.seconds:7.1f} s")
    passed = all(one.passed for one in ended)
    print(f"{'all':14}{'ok' if passed else 'FAILED':8}{time.monotonic() - began:7.1f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
