"""What this machine is."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.device import jetson, linux, raspberry_pi, termux
from agent.device.commands import RunCommand, run_command
from agent.device.files import line_of, memory_field, text_of, whole_number
from agent.device.processors import processor_name
from agent.device.recognise import recognise
from agent.wire.enrolment import DeviceDescription, DeviceKind, Package

PACKAGES = ("torch", "torchvision", "timm", "onnxruntime")
"""The packages whose versions a measurement depends on."""


MOST_MEMORY_BYTES = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a kind of device tells of itself in its own way; None where it does not."""

    hardware: str | None
    processor: str | None
    system: tuple[str, ...]
    memory_bytes: int | None
    gaps: tuple[str, ...] = ()


def installed_version(package: str) -> str | None:
    """The version of an installed package, without importing it; None where it is not installed."""
    try:
        # A broken installation has metadata without a version, whatever the type says.
        return importlib.metadata.version(package) or None
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(
    root: Path = Path("/"),
    *,
    run: RunCommand = run_command,
    env: Mapping[str, str] = os.environ,
    uname: Callable[[], os.uname_result] = os.uname,
    cores: Callable[[], int | None] = os.cpu_count,
    installed: Callable[[str], str | None] = installed_version,
) -> DeviceDescription:
    """This machine's description. What cannot be found out is named in ``gaps``; nothing is raised.

    Args:
        root: where ``proc``, ``sys`` and ``etc`` are found.
        run: what asks the system's own programs.
        env: the environment, by which Termux is known.
        uname: what names the kernel and the architecture.
        cores: what counts the cores of the machine.
        installed: what tells the installed version of a package.
    """
    kernel = uname()
    kind = recognise(root, env=env, system=kernel.sysname)
    identity = _identity(kind, root, run)
    counted = cores()
    versions = {name: installed(name) for name in (*PACKAGES, "stepfarm")}
    missing = {
        "hardware: nothing tells the machine's model": identity.hardware,
        "processor: nothing tells its name": identity.processor,
        "cores: the system does not tell how many there are": counted,
        "memory: nothing tells how much there is": identity.memory_bytes,
        "agent: stepfarm is not installed as a package, so its version is unknown": versions["stepfarm"],
        **{f"{name}: not installed": versions[name] for name in PACKAGES},
    }
    system = (*identity.system, f"{kernel.sysname} {kernel.release}".strip())
    return DeviceDescription(
        kind=kind,
        hardware=line_of(identity.hardware or "unknown"),
        processor=line_of(identity.processor or "unknown"),
        architecture=line_of(kernel.machine or "unknown"),
        system=line_of(", ".join(part for part in system if part)) or "unknown",
        python=line_of(platform.python_version()),
        agent_version=line_of(versions["stepfarm"] or "unknown"),
        cores=counted or 1,
        memory_bytes=identity.memory_bytes,
        packages=tuple(
            Package(name=name, version=line_of(versions[name] or "")) for name in PACKAGES if versions[name]
        ),
        gaps=tuple(line_of(gap) for gap in (*identity.gaps, *(gap for gap, value in missing.items() if value is None))),
    )


def _identity(kind: DeviceKind, root: Path, run: RunCommand) -> Identity:
    if kind is DeviceKind.MACOS:
        return _mac(run)
    if kind is DeviceKind.TERMUX:
        return _phone(root, run)
    system: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    if kind is DeviceKind.JETSON:
        hardware = jetson.hardware_of(root)
        release, gaps = jetson.release_of(root, run)
        system = (release,) if release else ()
    elif kind is DeviceKind.RASPBERRY_PI:
        hardware = raspberry_pi.hardware_of(root)
    else:
        hardware = linux.hardware_of(root)
    return Identity(
        hardware=hardware,
        processor=processor_name(root),
        system=(*system, *_distribution(root)),
        memory_bytes=memory_field(root, "MemTotal"),
        gaps=gaps,
    )


def _mac(run: RunCommand) -> Identity:
    memory = whole_number(run(("sysctl", "-n", "hw.memsize")).text)
    return Identity(
        hardware=run(("sysctl", "-n", "hw.model")).text,
        processor=run(("sysctl", "-n", "machdep.cpu.brand_string")).text,
        system=(),
        memory_bytes=memory if memory is not None and 0 <= memory <= MOST_MEMORY_BYTES else None,
    )


def _phone(root: Path, run: RunCommand) -> Identity:
    properties, complaint = termux.properties_of(run)
    cores = processor_name(root)
    processor = [name for name in (termux.chip_of(properties), cores) if name]
    android = termux.android_of(properties)
    return Identity(
        hardware=termux.hardware_of(properties),
        processor=": ".join(processor) or None,
        system=(android,) if android else (),
        memory_bytes=memory_field(root, "MemTotal"),
        gaps=(f"android: {complaint}",) if complaint else (),
    )


def _distribution(root: Path) -> tuple[str, ...]:
    for line in (text_of(root / "etc/os-release") or "").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME" and value.strip("\"'"):
            return (value.strip("\"'"),)
    return ()
