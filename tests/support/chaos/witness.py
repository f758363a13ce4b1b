"""Who saw what the devices kept: every batch is told here before it is spooled, and again once its fsync has returned.

The devices tell over a socket: what they have written into it outlives them.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from agent.spool import Spool
from agent.wire.codec import decode, encode
from agent.wire.readings import Batch
from orchestrator.curves import blob
from orchestrator.curves.blob import StoredPass

Key = tuple[int, int, int, int]
"""Job, fence, round and number of a pass."""


def key_of(job_id: int, one: Batch | StoredPass) -> Key:
    """The key of a pass of a job."""
    return job_id, one.fence, one.round, one.number


class Witness:
    """What was measured, and what of it was safely on disk. By the key of a pass, its readings as bytes."""

    def __init__(self) -> None:
        self.measured: dict[Key, bytes] = {}
        self.kept: set[Key] = set()
        self.told: deque[str] = deque(maxlen=2_000)
        self.contradictions: list[Key] = []
        self.lock = threading.Lock()

    def hear(self, line: bytes) -> None:
        """One line that a device said."""
        what, _, rest = line.decode().rstrip("\n").partition(" ")
        with self.lock:
            match what:
                case "measured":
                    job_id, _, body = rest.partition(" ")
                    batch = decode(Batch, body.encode())
                    content = blob.pack([StoredPass.of(batch)])
                    key = key_of(int(job_id), batch)
                    if self.measured.setdefault(key, content) != content:
                        self.contradictions.append(key)
                case "kept":
                    job, fence, round_, number = (int(word) for word in rest.split())
                    self.kept.add((job, fence, round_, number))
                case _:
                    self.told.append(f"{what} {rest}")


class Statement:
    """A device's side of the witness."""

    def __init__(self, address: Path, device: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(address))
        self._device = device

    def say(self, line: str) -> None:
        """Tell one line."""
        self._socket.sendall(line.replace("\n", " ").encode() + b"\n")

    def tell(self, line: str) -> None:
        """Pass on what the agent tells people."""
        self.say(f"{self._device}: {line}")


class WitnessedSpool(Spool):
    """The spool itself; before and after each batch is kept, the witness hears of it."""

    def __init__(self, folder: Path, statement: Statement, *, most_bytes: int) -> None:
        super().__init__(folder, tell=statement.tell, most_bytes=most_bytes)
        self._statement = statement

    def put(self, job_id: int, batch: Batch) -> None:
        """Keep ``batch``."""
        self._statement.say(f"measured {job_id} {encode(batch).decode()}")
        super().put(job_id, batch)
        self._statement.say("kept " + " ".join(str(part) for part in key_of(job_id, batch)))


@contextlib.contextmanager
def witnessing(address: Path) -> Iterator[Witness]:
    """A witness that listens at ``address`` until the context ends, and until all that was said is heard."""
    witness = Witness()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                # A line that its device was killed in says nothing.
                if line.endswith(b"\n"):
                    witness.hear(line)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = False
        block_on_close = True

    with Server(str(address), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            thread.join()
