"""The devices under ``tests/data/devices``: their files laid out in a folder, and their commands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.device.commands import Answer
from agent.device.conditions import read_conditions
from agent.device.describe import describe
from agent.device.doctor import checks
from agent.device.noise import Noise
from agent.device.probe import Probed
from agent.wire.conditions import Conditions
from agent.wire.enrolment import DeviceDescription, DeviceKind

DATA = Path(__file__).parents[1] / "data" / "devices"
NAMES = tuple(sorted(path.stem for path in DATA.glob("*.json")))

Node = str | Mapping[str, Any]
"""The text of a file, or what stands in its place: a folder, a link, bytes that are no text."""


@dataclass
class DeviceTree:
    """A device whose files lie below ``root``. ``asked`` holds the commands that were run, in order."""

    root: Path
    kind: DeviceKind
    machine: str = "x86_64"
    release: str = "6.1.0"
    env: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, Node] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, command: Sequence[str]) -> Answer:
        """What the device's command prints."""
        self.asked.append(tuple(command))
        told = self.commands.get(" ".join(command))
        if isinstance(told, str):
            return Answer(told)
        return Answer(None, told["complaint"] if told else f"{command[0]} is not installed")

    def uname(self) -> os.uname_result:
        """What the device's kernel calls itself."""
        return os.uname_result(("Linux", "device", self.release, "", self.machine))

    def describe(self) -> DeviceDescription:
        """The device as the agent describes it."""
        return describe(
            self.root, run=self.run, env=self.env, uname=self.uname, cores=lambda: 4, installed=lambda _: "2.0"
        )

    def conditions(self, *, gpu: bool = True) -> Conditions:
        """The device's conditions as the agent reads them."""
        return read_conditions(self.root, run=self.run, kind=self.kind, gpu=gpu)

    def checks(self) -> dict[str, tuple[str, str, str]]:
        """Status, finding and advice of each of doctor's checks, by its name; every package is in order."""
        found = checks(
            self.root,
            kind=self.kind,
            run=self.run,
            probe=lambda _: Probed(version="2.0"),
            installed=lambda _: "2.0",
            cores=lambda: 4,
            noise=lambda: Noise(calls=200, spread=0.0, switches=0, wall_over_cpu=1.0, rejected=0),
        )
        return {check.name: (check.status.value, check.found, check.advice) for check in found}


def lay_out(root: Path, files: Mapping[str, Node]) -> None:
    """Write ``files`` below ``root``; what stood there under the same names is replaced."""
    for name, node in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, str):
            path.write_text(node, encoding="utf-8", newline="")
        elif "hex" in node:
            path.write_bytes(bytes.fromhex(node["hex"]))
        elif "link" in node:
            path.symlink_to(node["link"])
        else:
            path.mkdir(exist_ok=True)


def load(name: str) -> dict[str, Any]:
    """The device of this name, as its file says."""
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def device(name: str, root: Path, **changed: Node) -> DeviceTree:
    """The device of this name, laid out below ``root``.

    Args:
        name: its file under ``tests/data/devices``.
        root: an empty folder.
        changed: files and commands that differ, by name; a command's name has a blank or is one that the file has.
    """
    told = load(name)
    commands = {**told["commands"], **{key: node for key, node in changed.items() if key in told["commands"]}}
    lay_out(root, {**told["files"], **{key: node for key, node in changed.items() if key not in told["commands"]}})
    return DeviceTree(
        root=root,
        kind=DeviceKind(told["kind"]),
        machine=told["machine"],
        release=told["release"],
        env=told["env"],
        commands=commands,
    )


def gaps_of(told: Conditions | DeviceDescription) -> dict[str, str]:
    """Why each thing is missing, by its name."""
    return {name: why for name, _, why in (gap.partition(": ") for gap in told.gaps)}
