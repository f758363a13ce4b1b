"""What a device is and what it is doing, in words. Text without markup: whoever shows it sees to that."""

from __future__ import annotations

from agent.wire.enrolment import DeviceKind
from dashboard.job_words import job_name, progress_words
from dashboard.wording import ago, moment
from orchestrator.counting import counted
from orchestrator.views import DeviceState, DeviceView

KINDS = {
    DeviceKind.JETSON: "Jetson",
    DeviceKind.RASPBERRY_PI: "Raspberry Pi",
    DeviceKind.TERMUX: "Termux",
    DeviceKind.LINUX: "Linux",
    DeviceKind.MACOS: "macOS",
    DeviceKind.SIMULATED: "simulated",
}
MARKS = {
    DeviceKind.JETSON: ":material/developer_board:",
    DeviceKind.RASPBERRY_PI: ":material/memory:",
    DeviceKind.TERMUX: ":material/smartphone:",
    DeviceKind.LINUX: ":material/dns:",
    DeviceKind.MACOS: ":material/laptop_mac:",
    DeviceKind.SIMULATED: ":material/science:",
}
COLOURS = {
    DeviceState.IDLE: "green",
    DeviceState.MEASURING: "blue",
    DeviceState.QUIET: "orange",
    DeviceState.REVOKED: "red",
}
STATES = {
    DeviceState.IDLE: "idle",
    DeviceState.MEASURING: "measuring",
    DeviceState.QUIET: "gone quiet",
    DeviceState.REVOKED: "revoked",
}

DOUBLED_LATELY_MS = 24 * 3_600_000
"""How long two agents with one identity are warned of: one may be back at any time."""


def state_words(device: DeviceView, now_ms: int) -> str:
    """What ``device`` is doing, and since when that is known."""
    heard = ago(device.last_seen_ms, now_ms)
    if device.state is DeviceState.REVOKED:
        since = "" if device.revoked_ms is None else f" since {moment(device.revoked_ms)}"
        return f"Revoked{since}: its key is refused, its curves stay."
    if device.state is DeviceState.QUIET:
        words = f"Gone quiet: last heard of {heard}, {moment(device.last_seen_ms)}."
        return f"{words} It was measuring {job_name(device.job)}." if device.job else words
    if device.job is not None:
        return f"Measuring {job_name(device.job)}: {progress_words(device.job)}."
    return f"Idle, last heard of {heard}."


def hardware_words(device: DeviceView) -> str:
    """Kind and hardware; a simulated device's hardware says by itself that there is none."""
    hardware = device.description.hardware
    return hardware if device.kind is DeviceKind.SIMULATED else f"{KINDS[device.kind]} · {hardware}"


def queue_words(device: DeviceView) -> str:
    """How many jobs wait for ``device``."""
    return f"{counted(device.queued, 'job')} queued" if device.queued else "nothing queued"


DOUBLED_ADVICE = (
    "The one that was started last gets the work, the other is refused. Stop one of them. Is it a copy, as of a memory "
    "card? Run `stepfarm-agent unenroll --force` on the copy, and enrol it as a device of its own."
)


def doubled_words(device: DeviceView, now_ms: int) -> str | None:
    """That a second agent uses the identity of ``device``; None where none was seen lately."""
    if device.doubled_ms is None or now_ms - device.doubled_ms > DOUBLED_LATELY_MS:
        return None
    return f"Two agents use its identity, seen {ago(device.doubled_ms, now_ms)}."


def facts(device: DeviceView) -> dict[str, str]:
    """What ``device`` said of itself when it enrolled."""
    about = device.description
    return {
        "Kind": KINDS[device.kind],
        "Hardware": about.hardware,
        "Processor": f"{about.processor}, {counted(about.cores, 'core')}",
        "Memory": "not known" if about.memory_bytes is None else f"{about.memory_bytes / 2**30:.1f} GiB",
        "System": f"{about.system}, {about.architecture}",
        "Python": about.python,
        "Agent": about.agent_version,
        "Packages": ", ".join(f"{package.name} {package.version}" for package in about.packages) or "none that count",
        "Enrolled": moment(device.enrolled_ms),
    }
