"""A TCP proxy on loopback that delays, cuts, resets and swallows answers."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

CHUNK = 65_536
LONGEST_DELAY_S = 0.3
LATEST_CUT = {True: 8_000, False: 1_500}
"""Somewhere within so many bytes, of requests or of answers, a connection is cut: in a head, in a body, or later."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST."""


class Fault(Enum):
    """What befalls a connection."""

    NONE = "none"
    DELAY = "delayed"
    CUT_REQUEST = "requests cut"
    CUT_ANSWER = "answers cut"
    RESET = "reset"
    SWALLOW = "answers swallowed"


ABOUT_REQUESTS = frozenset({Fault.CUT_REQUEST, Fault.RESET})
ABOUT_ANSWERS = frozenset({Fault.CUT_ANSWER, Fault.SWALLOW})
ODDS = {Fault.NONE: 4, Fault.DELAY: 3, Fault.CUT_REQUEST: 2, Fault.CUT_ANSWER: 2, Fault.RESET: 1, Fault.SWALLOW: 3}


@dataclass
class Fate:
    """What befalls one connection, and after how many bytes in the direction that it is about."""

    fault: Fault
    after_bytes: int


class Proxy:
    """Forwards to ``port`` of this machine, each connection with a fate of its own while ``faulty`` is set."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._target = port
        self._rng = rng
        self.faulty = threading.Event()
        self.befell: Counter[Fault] = Counter()
        self.port = 0

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Forward until ``end`` is set."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await end.wait()

    def _fate(self) -> Fate:
        fault = self._rng.choices(list(ODDS), list(ODDS.values()))[0] if self.faulty.is_set() else Fault.NONE
        return Fate(fault, self._rng.randrange(LATEST_CUT[fault in ABOUT_REQUESTS]))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fate = self._fate()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        there = asyncio.create_task(self._pump(reader, far_writer, fate, towards_the_api=True))
        back = asyncio.create_task(self._pump(far_reader, writer, fate, towards_the_api=False))
        _done, waiting = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if fate.fault is Fault.RESET:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        for one in (writer, far_writer):
            one.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: Fate, *, towards_the_api: bool
    ) -> None:
        """Forward one direction until it ends or the fate of the connection comes about."""
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                left = fate.after_bytes - passed
                passed += len(data)
                if fate.fault is Fault.DELAY:
                    self.befell[fate.fault] += 1
                    await asyncio.sleep(self._rng.random() * LONGEST_DELAY_S)  # an instance's own
                if self._ends_here(fate, left < len(data), towards_the_api=towards_the_api):
                    self.befell[fate.fault] += 1
                    if fate.fault is not Fault.SWALLOW:
                        writer.write(data[: max(left, 0)])
                        await writer.drain()
                    return
                writer.write(data)
                await writer.drain()

    @staticmethod
    def _ends_here(fate: Fate, is_reached: bool, *, towards_the_api: bool) -> bool:
        return is_reached and fate.fault in (ABOUT_REQUESTS if towards_the_api else ABOUT_ANSWERS)


@contextlib.contextmanager
def proxying(port: int, rng: random.Random) -> Iterator[Proxy]:
    """A proxy before ``port``, in a thread of its own, until the context ends."""
    proxy = Proxy(port, rng)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(proxy.serve(ready, end))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
