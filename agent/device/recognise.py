"""What kind of device this is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.device.files import is_there, text_of
from agent.wire.enrolment import DeviceKind

TERMUX_PREFIX = "/data/data/com.termux/files/usr"


def recognise(root: Path, *, env: Mapping[str, str], system: str) -> DeviceKind:
    """What sort of machine this is. Boards are known by their device tree, Termux by its environment or its folder.

    Args:
        root: where ``proc`` and ``data`` are found.
        env: the environment.
        system: the name of the kernel, as ``uname -s`` prints it.
    """
    if system == "Darwin":
        return DeviceKind.MACOS
    # A service that Android started has not always the environment of a session.
    if "TERMUX_VERSION" in env or env.get("PREFIX") == TERMUX_PREFIX or is_there(root / TERMUX_PREFIX.lstrip("/")):
        return DeviceKind.TERMUX
    tree = f"{text_of(root / 'proc/device-tree/model')} {text_of(root / 'proc/device-tree/compatible')}".lower()
    if "raspberry pi" in tree or "raspberrypi" in tree:
        return DeviceKind.RASPBERRY_PI
    if "jetson" in tree or "nvidia,tegra" in tree:
        return DeviceKind.JETSON
    return DeviceKind.LINUX
