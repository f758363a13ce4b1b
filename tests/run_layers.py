"""Runs the checks and the test layers and prints the time of each.

The checks take one core and measure nothing, so they run beside the first layers; beside the last ones they made Ray's
starts take longer (437 s once, for about 215). The layers at the end mostly wait: for Ray, for a device, for a
page. The browser's runs beside the two that start Ray, of which a machine bears one.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent

CHECKS = (
    ("ruff", ["ruff", "check", "--quiet", "."]),
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("imports", ["lint-imports"]),
    ("mypy", ["mypy"]),
)
# Layers whose files know nothing of one another, and time nothing: a file goes to one of so many processes, in the
# order of their names, because the files with the fewest tests are among the slowest.
PROCESSES = {"unit": 2, "contract": 2, "integration": 3}
# The first lane keeps both cores busy; the others begin, side by side, when it has ended.
LANES = (("architecture", "unit", "contract", "integration"), ("cluster", "e2e"), ("browser",))
KNOWN = ("check", *(name for lane in LANES for name in lane))


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


def run_layer(name: str, *, aside: bool = False) -> Ended:
    """The tests of one layer; what they say is printed as they say it, or ``aside``, all of it at the end."""
    began = time.monotonic()
    processes = PROCESSES.get(name)
    spread = [f"--numprocesses={processes}", "--dist=loadfile", "--no-loadscope-reorder"] if processes else []
    command = [str(BIN / "pytest"), "-q", *spread, f"tests/{name}"]
    if aside:
        ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(f"\n=== {name}\n{ended.stdout.rstrip()}", flush=True)
    else:
        print(f"\n=== {name}", flush=True)
        ended = subprocess.run(command, check=False, text=True)
    return Ended(name, ended.returncode == 0, time.monotonic() - began)


def run_lanes(names: list[str]) -> list[Ended]:
    """The layers of ``names``, lane by lane: the first lane alone, then the others side by side."""
    first, *others = ([name for name in lane if name in names] for lane in LANES)
    ended = [run_layer(name) for name in first]
    beside = [lane for lane in others if lane]
    aside = len(beside) > 1

    def run_lane(lane: list[str]) -> list[Ended]:
        return [run_layer(name, aside=aside) for name in lane]

    if beside:
        with ThreadPoolExecutor(len(beside)) as pool:
            for of_lane in pool.map(run_lane, beside):
                ended += of_lane
    return ended


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
    ended += run_lanes(names)
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
