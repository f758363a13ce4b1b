"""Looking at processes and sockets through /proc: what belongs to a test, and where it listens."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

LISTENING = "0A"


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = 60.0) -> None:
    """Return once ``condition`` holds; fail after ``seconds``."""
    never = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if condition():
            return
        never.wait(0.1)
    raise AssertionError(f"did not come about in {seconds:.0f} s: {what}")


def working_with(home: Path) -> list[str]:
    """The command lines of living processes whose environment names ``home``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if int(process.name) != os.getpid() and f"STEPFARM_HOME={home}".encode() in environment and command:
            found.append(command)
    return found


def descendants(pid: int) -> set[int]:
    """The process ``pid`` and all that it has started, directly or not."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(process.name)] = int(fields[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def listening(pids: set[int]) -> dict[str, str]:
    """Each address and port that one of the processes listens on, with the process's command line."""
    owners = {}
    for pid in pids:
        try:
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                match = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
                if match:
                    owners[match[1]] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in owners:
                found[_address(fields[1])] = owners[fields[9]]
    return found


def is_loopback(address: str) -> bool:
    """Whether ``address``, HOST#PORT, is reached from this machine alone."""
    host = ip_address(address.partition("#")[0])
    mapped = getattr(host, "ipv4_mapped", None)
    return (mapped or host).is_loopback


def _address(field: str) -> str:
    host, _, port = field.partition(":")
    words = struct.unpack(f"<{len(host) // 8}I", struct.pack(f">{len(host) // 8}I", *_words(host)))
    raw = struct.pack(f">{len(words)}I", *words)
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, raw)}#{int(port, 16)}"


def _words(host: str) -> list[int]:
    return [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
