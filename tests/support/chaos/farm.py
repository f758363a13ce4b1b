"""A farm of processes with something to do, kept running while things befall it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.identity import enrol
from agent.measure.simulated.device import description_of
from agent.measure.simulated.profiles import PROFILES
from agent.wire.jobs import Workload
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from orchestrator.wiring import prepare
from tests.support.chaos.programs import LEASE, PROFILE, DeviceAt, run_api, run_device
from tests.support.chaos.proxy import Proxy
from tests.support.processes import descendants

PLAN = Plan(exhaustive=True, confirm=False, passes=4, stride=5)
MODEL = "test_vit"
BACKLOG = 2
"""So many jobs of a device are kept waiting while things befall it."""

KEEP_EVERY_S = 0.05
FULL_BYTES = 512
"""A process may write no file further than this while its disk is full: EFBIG for ENOSPC, which needs no rights."""


class Farm:
    """The API and some devices, each a process, started again by a keeper whenever they have ended.

    Args:
        home: where all of them keep their state.
        port: where the API answers.
        proxy: what stands between the devices and the API.
    """

    def __init__(self, home: Path, proxy: Proxy, *, port: int, witness: Path, devices: int, rng: random.Random) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.support.chaos.programs"])
        self.settings = Settings(home=home, port=port)
        self._offset = home / "clock-offset"
        self._offset.write_text("0")
        key = prepare(self.settings, SystemClock())
        self.client = Client(f"http://127.0.0.1:{port}", key)
        self.devices = [DeviceAt(f"device-{number}", home / f"device-{number}", witness) for number in range(devices)]
        self._clock = SystemClock()
        self._proxy = proxy
        self._rng = rng
        self.processes: dict[str, ForkServerProcess] = {}
        self._stoppable: dict[str, Event] = {}
        self.befell: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self.paused: dict[str, float] = {}
        self.full: dict[str, float] = {}
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def start(self) -> None:
        """Start the API, enrol the devices through the proxy, and start them and the keeper."""
        self._start_one("api")
        self.until(self._ready, "the API answers")
        for at in self.devices:
            enrol(
                at.home,
                url=f"http://127.0.0.1:{self._proxy.port}",
                code=self.client.new_join_code().code,
                name=at.name,
                description=description_of(PROFILES[PROFILE]),
                profile=PROFILE,
            )
        self.queue()
        for at in self.devices:
            self._start_one(at.name)
        self._keeper.start()

    def _start_one(self, name: str) -> None:
        stoppable = self._context.Event()
        if name == "api":
            process = self._context.Process(target=run_api, args=(self.settings, self._offset, stoppable), name=name)
        else:
            at = next(one for one in self.devices if one.name == name)
            process = self._context.Process(target=run_device, args=(at, stoppable), name=name)
        process.start()
        self.processes[name], self._stoppable[name] = process, stoppable

    def _ready(self) -> bool:
        try:
            self.client.devices()
        except StepfarmError:
            return False
        return True

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
        """Wait until ``condition`` holds.

        Raises:
            AssertionError: it does not, in ``seconds``.
        """
        deadline = self._now_s() + seconds
        while not condition():
            assert self._now_s() < deadline, f"in vain: {what}"
            self._ended.wait(KEEP_EVERY_S)

    def _keep(self) -> None:
        """Start what has ended, let go on what was paused, and make room where it was full, each in its time."""
        turn = 0
        while not self._ended.wait(KEEP_EVERY_S):
            now = self._now_s()
            for name in [name for name, until in self.paused.items() if until < now]:
                self._signal(name, signal.SIGCONT)
                del self.paused[name]
            for name in [name for name, until in self.full.items() if until < now]:
                self._limit(name, resource.RLIM_INFINITY)
                del self.full[name]
            for name, process in list(self.processes.items()):
                if process.exitcode is not None:
                    process.join()
                    self.restarts[name] += 1
                    self._start_one(name)
            turn += 1
            if turn % 20 == 0 and self._proxy.faulty.is_set():
                self.queue()

    def queue(self) -> None:
        """See that every device has something waiting."""
        with contextlib.suppress(StepfarmError):
            jobs = [job for sweep in self.client.sweeps() if not sweep.ended for job in sweep.jobs]
            waiting = Counter(job.device for job in jobs if not job.state.final)
            idle = [at.name for at in self.devices if waiting[at.name] < BACKLOG]
            if idle:
                self.client.create_sweep(models=[MODEL], workloads=[Workload()], devices=idle, plan=PLAN)

    # What befalls it.

    def kill(self, name: str) -> None:
        """End a process without a word."""
        process = self.processes[name]
        if process.exitcode is None and name not in self.paused:
            process.kill()
            process.join(10)
            self.befell["kills of the API" if name == "api" else "kills of agents"] += 1

    def kill_child(self, name: str) -> None:
        """End the measuring child of a device without a word."""
        pid = self.processes[name].pid
        for child in descendants(pid) - {pid} if pid is not None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                self.befell["kills of measuring children"] += 1

    def pause(self, name: str, seconds: float) -> None:
        """Stop a process, and let it go on later."""
        if name not in self.paused:
            self._signal(name, signal.SIGSTOP)
            self.paused[name] = self._now_s() + seconds
            self.befell["pauses past the lease" if seconds > LEASE.lease_s else "pauses"] += 1

    def fill_disk(self, name: str, seconds: float) -> None:
        """Let a process write nothing of any size for a while."""
        if name not in self.full and self._limit(name, FULL_BYTES):
            self.full[name] = self._now_s() + seconds
            self.befell["full disks"] += 1

    def set_clock(self, offset_ms: int) -> None:
        """Set the clock of the API's machine."""
        part = self._offset.with_suffix(".part")
        part.write_text(str(offset_ms))
        part.replace(self._offset)
        self.befell["clocks set"] += 1

    def cancel_one(self) -> None:
        """Cancel some sweep that has not ended."""
        with contextlib.suppress(StepfarmError):
            running = [sweep.id for sweep in self.client.sweeps() if not sweep.ended]
            if running:
                self.client.cancel_sweep(self._rng.choice(running))
                self.befell["sweeps cancelled"] += 1

    def _signal(self, name: str, number: signal.Signals) -> None:
        pid = self.processes[name].pid
        if self.processes[name].exitcode is None and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _limit(self, name: str, most: int) -> bool:
        pid = self.processes[name].pid
        if pid is None or self.processes[name].exitcode is not None:
            return False
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        except (ProcessLookupError, PermissionError):
            return False
        return True

    # How it ends.

    def heal(self) -> None:
        """Let nothing befall it any more."""
        self._proxy.faulty.clear()
        for name in list(self.paused):
            self.paused[name] = 0.0
        for name in list(self.full):
            self.full[name] = 0.0
        self.set_clock(0)

    def finish(self, *, seconds: float) -> None:
        """Wait until every job has ended and every spool is empty, then end every process in good order."""

        def ended() -> bool:
            try:
                return all(sweep.ended for sweep in self.client.sweeps()) and not self.waiting()
            except StepfarmError:
                return False

        self.until(ended, "every job ends and every spool is empty", seconds=seconds)
        self.until(self._all_stoppable, "every process runs, and heeds a request to stop")
        self._ended.set()
        self._keeper.join()
        for at in self.devices:
            self._end(at.name)
        self._end("api")

    def _all_stoppable(self) -> bool:
        return all(
            process.exitcode is None and self._stoppable[name].is_set()
            for name, process in list(self.processes.items())
        )

    def _end(self, name: str) -> None:
        process = self.processes[name]
        process.terminate()
        process.join(30)
        assert process.exitcode == 0, f"{name} did not end in good order: {process.exitcode}"

    def waiting(self) -> list[Path]:
        """The passes that have not been sent."""
        return [path for at in self.devices for path in (at.home / "spool").glob("*.json")]

    def set_aside(self) -> list[Path]:
        """The passes that were set aside."""
        return [path for at in self.devices for path in (at.home / "spool").glob("*/*.json")]

    def close(self) -> None:
        """End whatever still runs."""
        self._ended.set()
        for process in self.processes.values():
            if process.exitcode is None:
                process.kill()
                process.join(10)
