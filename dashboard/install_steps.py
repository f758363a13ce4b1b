"""What each kind of device needs before the line of the enrol page works there, in short."""

from __future__ import annotations

from dataclasses import dataclass

from agent.wire.enrolment import DeviceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallSteps:
    """What to run first on a kind of device, what to know, and the document that says the rest."""

    title: str
    commands: str
    note: str
    document: str


STEPS = {
    DeviceKind.LINUX: InstallSteps(
        title="Linux",
        commands="python3 -m venv ~/stepfarm-env\n. ~/stepfarm-env/bin/activate",
        note="Python 3.10 or newer. Models need torch and timm in the same environment: in a clone of the repository "
        "`pip install '.[torch]'` brings both, and Stepfarm.",
        document="docs/devices/linux.md",
    ),
    DeviceKind.RASPBERRY_PI: InstallSteps(
        title="Raspberry Pi",
        commands="python3 -m venv ~/stepfarm-env\n. ~/stepfarm-env/bin/activate",
        note="The 64-bit Raspberry Pi OS. Install torch and torchvision from PyTorch's CPU index and timm into the "
        "same environment, and give the Pi a fan: it throttles from 80 °C.",
        document="docs/devices/raspberry-pi.md",
    ),
    DeviceKind.JETSON: InstallSteps(
        title="Jetson",
        commands="python3 -m venv ~/stepfarm-env\n. ~/stepfarm-env/bin/activate",
        note="Install NVIDIA's own wheels of torch and torchvision for your JetPack into the same environment first, "
        "then `pip install --no-deps timm` and pyyaml, so that pip does not replace NVIDIA's torch.",
        document="docs/devices/jetson.md",
    ),
    DeviceKind.TERMUX: InstallSteps(
        title="Phone (Termux)",
        commands="pkg install python python-torch python-torchvision git\n"
        "pip install --no-deps timm && pip install pyyaml\n"
        "termux-wake-lock",
        note="Scan the QR code with the phone's camera, copy its text and paste it into Termux. Keep Termux in front "
        "and the screen on: apps in the background get the slow cores alone.",
        document="docs/devices/termux.md",
    ),
}
