"""What an agent costs that waits for work: ``python -m benchmarks.waiting`` prints the table of docs/benchmarks.md.

The real program, enrolled with an orchestrator of this machine that has no work for it; memory and processor time by
the kernel's accounting. With ``--install`` the base install is made from this checkout and its size taken, which asks
the package index for what is not cached.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent.wire.enrolment import Enrolled
from agent.wire.jobs import Done, LeaseAnswer
from tests.support.scripted_orchestrator import Asked, Said, said, scripted

ROOT = Path(__file__).resolve().parents[1]
AGENT = str(Path(sys.executable).with_name("stepfarm-agent"))
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PACE_S = 5.0
"""After how long the orchestrator tells an idle agent to ask again."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the agent is watched (default: 120)")
    parser.add_argument("--starts", type=int, default=20, help="how often --help is asked for (default: 20)")
    parser.add_argument("--install", action="store_true", help="also make the base install and take its size")
    asked = parser.parse_args()
    resident_mib, share = _waiting(asked.seconds)
    print("| what | found | goal |\n| --- | --- | --- |")
    print(f"| resident memory of the waiting agent | {resident_mib:.1f} MiB | 40 MB |")
    print(f"| processor time of the waiting agent, over {asked.seconds:.0f} s | {share:.3%} of a core | 0.1 % |")
    print(f"| `stepfarm-agent --help`, median of {asked.starts} | {_help_s(asked.starts):.2f} s | 0.3 s |")
    if asked.install:
        print(f"| base install with its dependencies | {_install_mb():.1f} MB | 5 MB |")


def _answer(asked: Asked) -> Said:
    match asked.path.rpartition("/")[2]:
        case "enrol":
            return said(Enrolled(device_id=1, name="waiting"))
        case "leases":
            return said(LeaseAnswer(lease=None, retry_after_s=PACE_S))
        case _:
            return said(Done())


def _waiting(seconds: float) -> tuple[float, float]:
    """Resident MiB at the end, and the share of a core."""
    with tempfile.TemporaryDirectory(prefix="stepfarm-waiting-") as home, scripted(_answer) as orchestrator:
        env = os.environ | {"STEPFARM_HOME": home}
        enrol = (AGENT, "enroll", orchestrator.url, "--code", "ABCD-EFGH-JKLM", "--name", "waiting")
        subprocess.run(enrol, env=env, check=True, stdout=subprocess.DEVNULL)
        agent = subprocess.Popen([AGENT, "run"], env=env, stdout=subprocess.DEVNULL)
        try:
            orchestrator.wait_for(lambda: len(orchestrator.on("/leases")) >= 2)
            before_s, began_s = _processor_s(agent.pid), time.perf_counter()
            threading.Event().wait(seconds)
            used_s = _processor_s(agent.pid) - before_s
            return _resident_mib(agent.pid), used_s / (time.perf_counter() - began_s)
        finally:
            agent.terminate()
            agent.wait()


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _resident_mib(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _help_s(starts: int) -> float:
    took_s = []
    for _ in range(starts):
        began_s = time.perf_counter()
        subprocess.run([AGENT, "--help"], check=True, stdout=subprocess.DEVNULL)
        took_s.append(time.perf_counter() - began_s)
    return statistics.median(took_s)


def _install_mb() -> float:
    with tempfile.TemporaryDirectory(prefix="stepfarm-install-") as folder:
        command = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", folder, str(ROOT))
        subprocess.run(command, check=True)
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
