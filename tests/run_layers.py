"""Runs the checks and the test layers one after the other and prints the time of each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent

CHECKS = (
    ("ruff", ["ruff", "check", "--quiet", "."]),
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("mypy", ["mypy"]),
    ("imports", ["lint-imports"]),
)
LAYERS = ("architecture", "unit", "contract", "integration", "cluster", "e2e", "browser")


def run(command: list[str]) -> bool:
    """Whether ``command``, of this environment, ends well."""
    return subprocess.run([str(BIN / command[0]), *command[1:]], check=False).returncode == 0


def run_checks() -> bool:
    """Whether every check passes; all are run."""
    results = []
    for name, command in CHECKS:
        passed = run(command)
        print(f"{name}: {'ok' if passed else 'FAILED'}", flush=True)
        results.append(passed)
    return all(results)


def main(wanted: list[str]) -> int:
    """Run what is wanted, by default everything; 0 if all of it passes."""
    known = ("check", *LAYERS)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"There is no layer {unknown[0]}. The layers are: {', '.join(known)}", file=sys.stderr)
        return 2
    rows = []
    for name in wanted or known:
        print(f"\n=== {name}", flush=True)
        began = time.monotonic()
        passed = run_checks() if name == "check" else run(["pytest", "-q", f"tests/{name}"])
        rows.append((name, passed, time.monotonic() - began))
    print()
    for name, passed, seconds in rows:
        print(f"{name:14}{'ok' if passed else 'FAILED':8}{seconds:7.1f} s")
    print(f"{'all':14}{'ok' if all(row[1] for row in rows) else 'FAILED':8}{sum(row[2] for row in rows):7.1f} s")
    return 0 if all(row[1] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
