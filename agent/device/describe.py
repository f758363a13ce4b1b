"""What this machine is."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.device.commands import RunCommand, run_command
from agent.device.files import line_of, memory_field, text_of
from agent.wire.enrolment import DeviceDescription, DeviceKind, Package

PACKAGES = ("torch", "torchvision", "timm", "onnxruntime")
"""The packages whose versions a measurement depends on."""

TERMUX_PREFIX = "/data/data/com.termux/files/usr"


def describe(
    root: Path = Path("/"),
    *,
    run: RunCommand = run_command,
    env: Mapping[str, str] = os.environ,
    uname: Callable[[], platform.uname_result] = platform.uname,
    cores: Callable[[], int | None] = os.cpu_count,
) -> DeviceDescription:
    """This machine's description. What cannot be found out is named in ``gaps``; nothing is raised.

    Args:
        root: where ``proc``, ``sys`` and ``etc`` are found.
        run: what asks the system's own programs.
        env: the environment, by which Termux is known.
        uname: what names the system and the architecture.
        cores: what counts the cores of the machine.
    """
    named = uname()
    kind = recognise(root, env=env, system=named.system)
    macos = kind is DeviceKind.MACOS
    hardware = _hardware(kind, root, run)
    processor = run(("sysctl", "-n", "machdep.cpu.brand_string")) if macos else _processor(root)
    memory = _whole_number(run(("sysctl", "-n", "hw.memsize"))) if macos else memory_field(root, "MemTotal")
    counted = cores()
    versions = {name: installed_version(name) for name in (*PACKAGES, "stepfarm")}
    found: dict[str, object] = {
        "hardware: nothing tells the machine's model": hardware,
        "processor: nothing tells its name": processor,
        "cores: the system does not tell how many there are": counted,
        "memory: nothing tells how much there is": memory,
        "agent: stepfarm is not installed as a package, so its version is unknown": versions["stepfarm"],
        **{f"{name}: not installed": versions[name] for name in PACKAGES},
    }
    return DeviceDescription(
        kind=kind,
        hardware=line_of(hardware or "unknown"),
        processor=line_of(processor or "unknown"),
        architecture=line_of(named.machine or "unknown"),
        system=line_of(_system(root, named)),
        python=line_of(platform.python_version()),
        agent_version=line_of(versions["stepfarm"] or "unknown"),
        cores=counted or 1,
        memory_bytes=memory,
        packages=tuple(
            Package(name=name, version=line_of(versions[name] or "")) for name in PACKAGES if versions[name]
        ),
        gaps=tuple(gap for gap, value in found.items() if value is None),
    )


def recognise(root: Path, *, env: Mapping[str, str], system: str) -> DeviceKind:
    """What sort of machine this is. Boards are known by their device tree, Termux by its environment."""
    if system == "Darwin":
        return DeviceKind.MACOS
    if "TERMUX_VERSION" in env or env.get("PREFIX") == TERMUX_PREFIX:
        return DeviceKind.TERMUX
    tree = f"{text_of(root / 'proc/device-tree/model')} {text_of(root / 'proc/device-tree/compatible')}".lower()
    if "raspberry pi" in tree or "raspberrypi" in tree:
        return DeviceKind.RASPBERRY_PI
    if "jetson" in tree or "nvidia,tegra" in tree:
        return DeviceKind.JETSON
    return DeviceKind.LINUX


def installed_version(package: str) -> str | None:
    """The version of an installed package, without importing it; None where it is not installed."""
    try:
        # A broken installation has metadata without a version, whatever the type says.
        return importlib.metadata.version(package) or None
    except importlib.metadata.PackageNotFoundError:
        return None


def _hardware(kind: DeviceKind, root: Path, run: RunCommand) -> str | None:
    if kind is DeviceKind.MACOS:
        return run(("sysctl", "-n", "hw.model"))
    if kind is DeviceKind.TERMUX:
        asked = (run(("getprop", f"ro.product.{part}")) for part in ("manufacturer", "model"))
    else:
        asked = (text_of(root / f"sys/class/dmi/id/{part}") for part in ("sys_vendor", "product_name"))
    board = text_of(root / "proc/device-tree/model")
    return board or " ".join(part for part in asked if part) or None


def _processor(root: Path) -> str | None:
    """The processor's name; kernels on ARM boards give only numbers for the core, which are named as they are."""
    fields: dict[str, str] = {}
    for line in (text_of(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    if fields.get("model name"):
        return fields["model name"]
    if "cpu part" in fields:
        return f"ARM implementer {fields.get('cpu implementer', 'unknown')} part {fields['cpu part']}"
    return fields.get("hardware") or None


def _system(root: Path, named: platform.uname_result) -> str:
    kernel = f"{named.system} {named.release}".strip() or "unknown"
    for line in (text_of(root / "etc/os-release") or "").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME" and value.strip("\"'"):
            quoted = value.strip("\"'")
            return f"{quoted}, {kernel}"
    return kernel


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
