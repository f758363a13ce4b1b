"""The control groups that this process is in: how much processor time they allow, and what Android calls them.

Sources: Documentation/admin-guide/cgroup-v2 (cpu.max, cpu.stat) and scheduler/sched-bwc (cpu.cfs_quota_us) of the
Linux kernel.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from agent.device.files import is_there, number_of, text_of, whole_number

MOUNT = "sys/fs/cgroup"
LONGEST_PATH = 32
"""Deeper groups are not looked at; the kernel allows any depth, nobody uses it."""


def group_of(root: Path, controller: str) -> str | None:
    """The path of the group that this process is in for ``controller`` ("" for version 2), None where not told."""
    for line in (text_of(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, path = rest.partition(":")
        if separator and controller in controllers.split(","):
            return path
    return None


def cores_quota(root: Path) -> float | None:
    """How many cores' worth of time the tightest group around this process allows; None where none limits it."""
    quotas = [quota for folder in _folders(root) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def throttled_periods(root: Path) -> int | None:
    """How often a group around this process has used up its quota; None where none limits it or none counts."""
    counts = [_throttled(folder) for folder in _folders(root) if _quota_of(folder) is not None]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _folders(root: Path) -> tuple[Path, ...]:
    """The folders of the groups around this process that may limit it, from the innermost to the outermost."""
    version_2 = group_of(root, "")
    version_1 = group_of(root, "cpu")
    found: list[Path] = []
    if version_2 is not None:
        found += _upwards(root / MOUNT, version_2)
    if version_1 is not None:
        # The same controller is mounted as cpu, or together with the accounting of its time.
        mount = next((m for m in ("cpu", "cpu,cpuacct") if is_there(root / MOUNT / m)), "cpu")
        found += _upwards(root / MOUNT / mount, version_1)
    return tuple(found)


def _upwards(mount: Path, group: str) -> list[Path]:
    # A container may be told the path that its host sees: what is not there limits nothing, its root does.
    inner = [part for part in PurePosixPath(group).parts if part not in ("/", "..")][:LONGEST_PATH]
    return [mount.joinpath(*inner[:depth]) for depth in range(len(inner), -1, -1)]


def _quota_of(folder: Path) -> float | None:
    """How many cores' worth of time the group allows, None where it does not limit it."""
    words = (text_of(folder / "cpu.max") or "").split()
    if len(words) == 2:
        quota, period = whole_number(words[0]), whole_number(words[1])
    else:
        quota, period = number_of(folder / "cpu.cfs_quota_us"), number_of(folder / "cpu.cfs_period_us")
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return quota / period


def _throttled(folder: Path) -> int | None:
    for line in (text_of(folder / "cpu.stat") or "").splitlines():
        name, _, count = line.partition(" ")
        if name == "nr_throttled":
            return whole_number(count.strip())
    return None
