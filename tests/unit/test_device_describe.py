from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent.device.commands import Answer
from agent.device.describe import PACKAGES, describe, installed_version
from agent.device.processors import processor_name
from agent.device.recognise import TERMUX_PREFIX
from agent.wire.codec import decode, encode
from agent.wire.enrolment import DeviceDescription, DeviceKind
from tests.support.device_trees import lay_out

Answers = Mapping[tuple[str, ...], str]

X86 = "processor\t: 0\nmodel name\t: Fast Chip 9000\nprocessor\t: 1\nmodel name\t: Fast Chip 9000\n"
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n"


def uname(system: str = "Linux") -> os.uname_result:
    return os.uname_result((system, "host", "6.1.0", "", "aarch64"))


def tree(root: Path, files: Mapping[str, str]) -> Path:
    lay_out(root, files)
    return root


def described(
    root: Path,
    *,
    answers: Answers | None = None,
    env: Mapping[str, str] | None = None,
    system: str = "Linux",
) -> DeviceDescription:
    def run(command: Sequence[str]) -> Answer:
        return Answer((answers or {}).get(tuple(command)), "no answer")

    return describe(root, run=run, env=env or {}, uname=lambda: uname(system), cores=lambda: 4)


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("model", "Raspberry Pi 4 Model B Rev 1.4\x00", DeviceKind.RASPBERRY_PI),
        ("compatible", "raspberrypi,5-model-b\x00brcm,bcm2712\x00", DeviceKind.RASPBERRY_PI),
        ("model", "NVIDIA Jetson AGX Orin Developer Kit\x00", DeviceKind.JETSON),
        ("compatible", "nvidia,p3737-0000+p3701-0000\x00nvidia,tegra234\x00", DeviceKind.JETSON),
        ("model", "Some Other Board\x00", DeviceKind.LINUX),
    ],
)
def test_a_board_is_known_by_its_device_tree(tmp_path: Path, file: str, text: str, kind: DeviceKind) -> None:
    assert described(tree(tmp_path, {f"proc/device-tree/{file}": text})).kind is kind


@pytest.mark.parametrize("env", [{"TERMUX_VERSION": "0.118"}, {"PREFIX": TERMUX_PREFIX}])
def test_termux_is_known_by_its_environment(tmp_path: Path, env: dict[str, str]) -> None:
    answers: Answers = {("getprop",): "[ro.product.manufacturer]: [Google]\n[ro.product.model]: [Pixel 8]"}
    description = described(tmp_path, env=env, answers=answers)
    assert description.kind is DeviceKind.TERMUX
    assert description.hardware == "Google Pixel 8"


def test_a_mac_is_asked_through_sysctl(tmp_path: Path) -> None:
    answers: Answers = {
        ("sysctl", "-n", "hw.model"): "Mac15,3",
        ("sysctl", "-n", "machdep.cpu.brand_string"): "Apple M3",
        ("sysctl", "-n", "hw.memsize"): "17179869184",
    }
    description = described(tmp_path, answers=answers, system="Darwin")
    assert description.kind is DeviceKind.MACOS
    assert (description.hardware, description.processor) == ("Mac15,3", "Apple M3")
    assert description.memory_bytes == 16 * 1024**3


def test_a_linux_machine_is_described_from_its_files(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": X86,
        "proc/meminfo": "MemTotal:       16384 kB\nMemAvailable:    8192 kB\n",
        "sys/class/dmi/id/sys_vendor": "Maker\n",
        "sys/class/dmi/id/product_name": "Box\n",
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    }
    description = described(tree(tmp_path, files))
    assert description.kind is DeviceKind.LINUX
    assert description.hardware == "Maker Box"
    assert description.processor == "Fast Chip 9000"
    assert description.memory_bytes == 16 * 1024**2
    assert description.system == "Debian GNU/Linux 12, Linux 6.1.0"
    assert (description.architecture, description.cores) == ("aarch64", 4)


def test_termux_is_known_by_its_folder_where_a_service_lacks_the_environment(tmp_path: Path) -> None:
    (tmp_path / TERMUX_PREFIX.lstrip("/")).mkdir(parents=True)
    assert described(tmp_path).kind is DeviceKind.TERMUX


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (["0xd08"], "Cortex-A72 x 1"),
        (["0xd05", "0xd05", "0xd0b"], "Cortex-A55 x 2, Cortex-A76 x 1"),
        (["0xfff"], "ARM implementer 0x41 part 0xfff x 1"),
    ],
)
def test_arm_cores_are_named_by_their_kind_and_number(parts: list[str], name: str, tmp_path: Path) -> None:
    cores = "\n".join(ARM.replace("0xd08", part) for part in parts)
    assert processor_name(tree(tmp_path, {"proc/cpuinfo": cores})) == name


def test_what_a_machine_does_not_tell_is_a_named_gap(tmp_path: Path) -> None:
    description = described(tmp_path)
    assert description.memory_bytes is None
    assert {"hardware", "processor", "memory"} <= {gap.split(":")[0] for gap in description.gaps}
    assert decode(DeviceDescription, encode(description)) == description


def test_every_package_is_a_version_or_a_gap_and_none_is_imported(tmp_path: Path) -> None:
    loaded = set(sys.modules)
    description = described(tmp_path)
    named = {package.name for package in description.packages}
    gaps = {gap.split(":")[0] for gap in description.gaps}
    assert named | (gaps & set(PACKAGES)) == set(PACKAGES)
    assert not named & gaps
    assert not {"torch", "timm", "onnxruntime"} & (set(sys.modules) - loaded)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert installed_version("no-such-package-anywhere") is None


def test_this_machine_can_be_described() -> None:
    assert decode(DeviceDescription, encode(describe())).cores >= 1
