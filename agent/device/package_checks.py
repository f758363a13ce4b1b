"""The checks of ``doctor`` on Python and the packages that measure."""

from __future__ import annotations

from agent.device.checks import Check, Status, ok, problem
from agent.device.probe import Probed
from agent.wire.enrolment import DeviceKind

OLDEST_PYTHON = (3, 10)

HOW_TO_INSTALL = {
    DeviceKind.JETSON: {
        "torch": "Install NVIDIA's own wheels of torch and torchvision for your JetPack (docs/devices/jetson.md).",
        "timm": "Install it with: pip install --no-deps timm && pip install pyyaml",
    },
    DeviceKind.RASPBERRY_PI: {
        "torch": "Install torch and torchvision from PyTorch's CPU index (docs/devices/raspberry-pi.md).",
        "timm": "Install it with: pip install timm",
    },
    DeviceKind.TERMUX: {
        "torch": "Install it with: pkg install python-torch python-torchvision",
        "timm": "Install it with: pip install --no-deps timm && pip install pyyaml",
    },
}
"""Where a package does not come from the usual index, or must not draw in others from there."""

USUAL = "Install it with: pip install stepfarm[torch] (or from the device's own packages)."

ILLEGAL = {
    "torch": ("2.0, 2.1, 2.4 and 2.10", "pip install 'torch!=2.0.*,!=2.1.*,!=2.4.*,!=2.10.*'"),
    "onnxruntime": ("1.21", "pip install 'onnxruntime!=1.21.*'"),
}
"""Versions known to end with SIGILL on a Raspberry Pi 4, and how to get others.

Sources: pytorch/pytorch issues 97226, 132032 and 176993; microsoft/onnxruntime issues 23957 and 24112.
"""


def check_python(version: tuple[int, ...]) -> Check:
    """Whether this Python is new enough."""
    found = ".".join(str(part) for part in version)
    if version >= OLDEST_PYTHON:
        return ok("python", found)
    oldest = ".".join(str(part) for part in OLDEST_PYTHON)
    return problem("python", found, f"Install Python {oldest} or newer.")


def check_architecture(machine: str, bits: int, kind: DeviceKind) -> Check:
    """Whether this Python is a 64-bit one: torch has no builds for others."""
    found = f"{machine}, {bits}-bit Python"
    if bits >= 64:
        return ok("architecture", found)
    system = "Raspberry Pi OS (64-bit)" if kind is DeviceKind.RASPBERRY_PI else "a 64-bit system"
    return problem("architecture", found, f"Install {system}: there is no torch for 32 bits.")


def check_package(
    name: str, probed: Probed, kind: DeviceKind, installed: str | None, *, onnxruntime: bool = False
) -> Check:
    """Whether a package that every runtime but onnxruntime needs works here.

    Args:
        name: the package.
        probed: what trying it came to.
        kind: what sort of device this is.
        installed: the version that is installed, as its metadata tells without an import.
        onnxruntime: whether that works here: it measures without this package what the orchestrator exported.
    """
    if probed.version is not None:
        return ok(name, probed.version)
    if probed.missing and onnxruntime:
        advice = (
            f"This device measures by the runtime onnxruntime alone. {HOW_TO_INSTALL.get(kind, {}).get(name, USUAL)}"
        )
        return Check(name=name, status=Status.WARNING, found="not installed", advice=advice)
    found = _found(probed, installed)
    if probed.illegal_instruction:
        return problem(name, found, _other_version(name, kind))
    if probed.missing:
        return problem(name, "not installed", HOW_TO_INSTALL.get(kind, {}).get(name, USUAL))
    return problem(name, found, f"Mend or install it anew. {HOW_TO_INSTALL.get(kind, {}).get(name, USUAL)}")


def check_onnxruntime(probed: Probed, kind: DeviceKind, installed: str | None) -> Check:
    """Whether onnxruntime, which nothing but its own workloads needs, works here."""
    if probed.version is not None:
        return ok("onnxruntime", probed.version)
    if probed.missing:
        return ok("onnxruntime", "not installed, and only workloads of its own need it")
    advice = _other_version("onnxruntime", kind) if probed.illegal_instruction else "Mend or remove it: it is optional."
    return Check(name="onnxruntime", status=Status.WARNING, found=_found(probed, installed), advice=advice)


def _found(probed: Probed, installed: str | None) -> str:
    return f"{installed}: {probed.complaint}" if installed else probed.complaint


def _other_version(name: str, kind: DeviceKind) -> str:
    advice = f"The installed build does not fit this processor: install another version of {name}."
    if kind is DeviceKind.RASPBERRY_PI and name in ILLEGAL:
        versions, command = ILLEGAL[name]
        advice += f" Known to fail so on a Raspberry Pi 4: {versions}. Others: {command}"
    return advice
