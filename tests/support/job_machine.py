"""A farm that Hypothesis plays with: any order of what devices, people, time and restarts can do to the store of jobs.

It goes through the dispatch, as the routes do, with virtual time. After every step it is checked against the rules that
must hold whatever happened, and at the end of a game every device is let finish: no job may be left over, and what the
database holds of readings must be what the devices measured, bit for bit.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.wire.conditions import Conditions
from agent.wire.jobs import Ending, EndReport, Heartbeat, LeaseRequest, Round, RoundRequest, Workload
from agent.wire.readings import Batch, Reading, Rejection
from orchestrator.analysis.planning import Plan
from orchestrator.curves import blob
from orchestrator.curves.blob import StoredPass
from orchestrator.errors import Conflict, LeaseLost
from orchestrator.jobs.dispatch import LEASE_S, Dispatch
from orchestrator.jobs.endings import BACK_OFF_CAP_MS
from orchestrator.jobs.states import MOVES, JobState
from orchestrator.storage import curves, sweeps
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Attempt, Curve, Job, Pass, Table
from tests.support.store import FACTS, Store, a_failure

DEVICES = 2
LEASE_MS = int(LEASE_S * 1_000)
PLAN = Plan(exhaustive=True, confirm=False, passes=2, stride=8)
LONGEST_GAME = 4_000
"""So many requests finish any game: where they do not, a job is stuck."""

MOST_JOBS = 14


class Move(Enum):
    """What can happen."""

    QUEUE = "queued"
    CANCEL = "cancelled"
    ASK = "asked for work"
    ASK_AGAIN = "claim repeated"
    HEARTBEAT = "heartbeat"
    GO_ON = "round asked for"
    MEASURE = "pass measured"
    DELIVER = "pass handed over"
    REPEAT = "pass repeated"
    LIE = "other readings under a key"
    END = "let go"
    RESTART_AGENT = "agent restarted"
    TIME = "time"
    CLOCK_SET_BACK = "clock set back"
    EXPIRE = "reaped"
    RESTART = "orchestrator restarted"
    SEAL = "sealed"


OFTEN = {Move.ASK: 3, Move.GO_ON: 6, Move.MEASURE: 6, Move.DELIVER: 5, Move.HEARTBEAT: 4, Move.TIME: 2, Move.EXPIRE: 2}
DEALT = [move for move in Move for _ in range(OFTEN.get(move, 1))]
"""Each move as often as it is likely."""

PICK = st.integers(0, 999)
DEVICE = st.integers(0, DEVICES - 1)
Key = tuple[int, int, int, int]
"""Job, fence, round and number of a pass."""


@dataclass(frozen=True)
class JobRow:
    """What the database says of a job."""

    device_id: int
    state: JobState
    fence: int
    lease_until_ms: int | None
    not_before_ms: int
    cancelling: bool
    ended_ms: int | None


@dataclass
class Hand:
    """A lease as the device believes to hold it."""

    job_id: int
    fence: int
    round: Round | None = None
    done: int = 0


@dataclass
class ADevice:
    """A device: what it holds, what it has measured and not handed over, and what it has said before."""

    id: int
    run: str
    claim: str = ""
    hand: Hand | None = None
    spool: list[tuple[int, Batch]] = field(default_factory=list)
    sent: list[tuple[int, Batch]] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)


class Farm(RuleBasedStateMachine):
    """One game; `farm_on` says on which database."""

    open_database: Callable[[], Database]
    steps: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.database = type(self).open_database()
        self._empty()
        self.store = Store(self.database)
        self.clock = self.store.clock
        self.names = itertools.count()
        self.start()
        self.devices: list[ADevice] = []
        self.stored: dict[Key, bytes] = {}
        self.before: dict[int, JobRow] = {}
        self.jobs_made = 0

    def _empty(self) -> None:
        with self.database.write() as session:
            for table in reversed(Table.metadata.sorted_tables):
                session.execute(sa.delete(table))

    def start(self) -> None:
        """The API process begins."""
        self.dispatch = Dispatch(self.database, self.clock, random.Random(0), threading.Event())

    @initialize()
    def enrol(self) -> None:
        """The fleet joins, and has something to do."""
        self.devices = [ADevice(self.store.enrol(f"device-{number}"), self._name()) for number in range(DEVICES)]
        self._queue(range(DEVICES), 2)

    def _name(self) -> str:
        return f"{next(self.names):032x}"

    def _queue(self, devices: range | list[int], models: int) -> None:
        with self.database.write() as session:
            sweeps.create(
                session,
                models=[f"model_{number}" for number in range(models)],
                workloads=[Workload()],
                device_ids=[self.devices[number].id for number in devices],
                plan=PLAN,
                priority=0,
                key_id=self.store.key_id,
                now_ms=self.clock.epoch_ms(),
            )
        self.jobs_made += models * len(devices)

    # One rule, and not one for each move: Hypothesis leaves out whole rules in most games, and hardly a lease would
    # then ever be measured under, lapse, and be asked about.
    @rule(move=st.sampled_from(DEALT), device=DEVICE, pick=PICK, flag=st.booleans())
    def step(self, move: Move, device: int, pick: int, flag: bool) -> None:
        """Whatever can happen next happens."""
        type(self).steps[move.value] += 1
        moves: dict[Move, Callable[[], None]] = {
            Move.QUEUE: lambda: self.queue(device),
            Move.CANCEL: lambda: self.cancel(pick),
            Move.ASK: lambda: self.ask(device),
            Move.ASK_AGAIN: lambda: self.ask_again(device),
            Move.HEARTBEAT: lambda: self.heartbeat(device, pick),
            Move.GO_ON: lambda: self.go_on(device),
            Move.MEASURE: lambda: self.measure(device, rejected=flag),
            Move.DELIVER: lambda: self.deliver(device, pick, lost=flag),
            Move.REPEAT: lambda: self.repeat(device, pick),
            Move.LIE: lambda: self.lie(device, pick),
            Move.END: lambda: self.end(device, list(Ending)[pick % 3], pick, twice=flag),
            Move.RESTART_AGENT: lambda: self.restart_agent(device),
            Move.TIME: lambda: self.time_passes((1, 15, 60, 91, 400)[pick % 5]),
            Move.CLOCK_SET_BACK: lambda: self.clock_is_set_back((5, 3_600, 10**8)[pick % 3]),
            Move.EXPIRE: self.expire,
            Move.RESTART: self.restart_orchestrator,
            Move.SEAL: self.seal,
        }
        moves[move]()

    # What people do.

    def queue(self, device: int) -> None:
        """A person queues another job."""
        if self.jobs_made < MOST_JOBS:
            self._queue([device], 1)

    def cancel(self, pick: int) -> None:
        """A person cancels a sweep."""
        with self.database.read() as session:
            known = session.scalars(sa.select(Job.sweep_id).distinct().order_by(Job.sweep_id)).all()
        self.store.cancel(known[pick % len(known)])

    # What devices do.

    def ask(self, device: int) -> None:
        """A device wishes for work: a new claim. While it holds a lease that is a restart."""
        self.devices[device].claim = self._name()
        self._lease(self.devices[device])

    def ask_again(self, device: int) -> None:
        """The answer was lost: the same claim once more."""
        one = self.devices[device]
        if not one.claim:
            return
        held = {job_id: row for job_id, row in self.rows().items() if row.state is JobState.LEASED}
        mine = [job_id for job_id, row in held.items() if row.device_id == one.id]
        hand = one.hand
        self._lease(one)
        if mine and hand is not None and (hand.job_id, hand.fence) == (mine[0], held[mine[0]].fence):
            assert one.hand is not None
            assert (one.hand.job_id, one.hand.fence) == (hand.job_id, hand.fence), "the same claim, another lease"
            one.hand = hand

    def _lease(self, one: ADevice) -> None:
        before = self.rows()
        lease = self.dispatch.lease(one.id, LeaseRequest(claim=one.claim, run=one.run)).lease
        if lease is None:
            one.hand = None
            return
        old = before[lease.job_id]
        assert old.device_id == one.id, "a lease on the job of another device"
        assert not old.state.final, "a lease on a job that has ended"
        assert not (old.state is JobState.LEASED and old.cancelling and lease.fence > old.fence)
        assert old.state is JobState.LEASED or old.not_before_ms <= self.clock.epoch_ms(), "leased before its time"
        one.hand = Hand(lease.job_id, lease.fence)
        one.hands.append(one.hand)

    def heartbeat(self, device: int, pick: int) -> None:
        """A heartbeat, under the newest lease or one of long ago."""
        one = self.devices[device]
        if one.hands:
            hand = one.hands[-1 - pick % min(len(one.hands), 3)]
            self._under_lease(
                one, hand, lambda: self.dispatch.heartbeat(one.id, hand.job_id, Heartbeat(fence=hand.fence))
            )

    def _under_lease(self, one: ADevice, hand: Hand, ask: Callable[[], object]) -> bool:
        """Whether what rests on a lease was answered. It must be exactly where the lease holds."""
        before = self.rows()
        holds = before[hand.job_id].state is JobState.LEASED and before[hand.job_id].fence == hand.fence
        try:
            ask()
        except LeaseLost:
            assert not holds, "a lease that holds was refused"
            assert self.rows() == before, "a stale request changed something"
            if one.hand is hand:
                one.hand = None
            return False
        assert holds, "a lease that is over was believed"
        return True

    def go_on(self, device: int) -> None:
        """The device asks for its round: the first, or the one after that which it has measured and handed over."""
        one = self.devices[device]
        if one.hand is not None:
            self._next_round(one, one.hand)

    def _next_round(self, one: ADevice, hand: Hand) -> None:
        if hand.round is not None and (hand.done < hand.round.max_passes or one.spool):
            return
        completed = None if hand.round is None else hand.round.number
        request = RoundRequest(fence=hand.fence, facts=FACTS, completed=completed)

        def ask() -> None:
            answer = self.dispatch.next_round(one.id, hand.job_id, request)
            if answer.round is None:
                one.hand = None
            else:
                hand.round, hand.done = answer.round, answer.passes_done

        self._under_lease(one, hand, ask)

    def measure(self, device: int, *, rejected: bool) -> None:
        """The device measures a pass and keeps it in its spool. It asks nobody, so its lease may be over."""
        self._measure(self.devices[device], rejected=rejected)

    def _measure(self, one: ADevice, *, rejected: bool = False) -> None:
        hand = one.hand
        if hand is None or hand.round is None or hand.done >= hand.round.max_passes:
            return
        salt = next(self.names)
        readings = tuple(
            Reading(
                position=position,
                tokens=tokens,
                start_ns=salt * 10**6 + position,
                latency_ns=tokens * 10**6 + salt,
                rejected=Rejection.WAITED if rejected else None,
            )
            for position, tokens in enumerate(hand.round.tokens)
        )
        batch = Batch(
            fence=hand.fence,
            round=hand.round.number,
            number=hand.done,
            started_ms=self.clock.epoch_ms(),
            complete=True,
            before=Conditions(),
            after=Conditions(),
            readings=readings,
        )
        hand.done += 1
        one.spool.append((hand.job_id, batch))

    def deliver(self, device: int, pick: int, *, lost: bool) -> None:
        """A pass is handed over, in whatever order, whatever became of its lease; the answer may be lost."""
        one = self.devices[device]
        if one.spool:
            job_id, batch = one.spool[pick % len(one.spool)]
            self._hand_over(one, job_id, batch)
            if not lost:
                one.spool.remove((job_id, batch))
                one.sent.append((job_id, batch))

    def _hand_over(self, one: ADevice, job_id: int, batch: Batch) -> None:
        before = self.rows()
        assert self.dispatch.take_in(one.id, job_id, batch) == len(batch.readings)
        assert self.rows() == before, "readings changed the state of a job"
        self.stored[job_id, batch.fence, batch.round, batch.number] = blob.pack([StoredPass.of(batch)])

    def repeat(self, device: int, pick: int) -> None:
        """A pass that was taken long ago comes once more."""
        one = self.devices[device]
        if one.sent:
            self._hand_over(one, *one.sent[pick % len(one.sent)])

    def lie(self, device: int, pick: int) -> None:
        """Other readings come under the key of a pass that was taken."""
        one = self.devices[device]
        if one.sent:
            job_id, batch = one.sent[pick % len(one.sent)]
            first = batch.readings[0]
            other = Reading(position=0, tokens=first.tokens, start_ns=first.start_ns, latency_ns=first.latency_ns + 1)
            changed = Batch(
                **{
                    name: getattr(batch, name)
                    for name in ("fence", "round", "number", "started_ms", "complete", "before", "after")
                },
                readings=(other, *batch.readings[1:]),
            )
            try:
                self.dispatch.take_in(one.id, job_id, changed)
            except Conflict:
                return
            raise AssertionError("other readings were taken under a key that is taken")

    def end(self, device: int, ending: Ending, pick: int, *, twice: bool) -> None:
        """The device lets go of a job, newest or not, once or twice."""
        one = self.devices[device]
        if not one.hands:
            return
        hand = one.hands[-1 - pick % min(len(one.hands), 3)]
        report = EndReport(fence=hand.fence, ending=ending, failure=a_failure() if ending is Ending.FAILED else None)
        before = self.rows()
        held = before[hand.job_id].state is JobState.LEASED and before[hand.job_id].fence == hand.fence
        try:
            self.dispatch.end(one.id, hand.job_id, report)
            answered = True
        except LeaseLost:
            answered = False
        assert answered or not held, "a device could not let go of its own job"
        if not held:
            assert self.rows() == before, "an ending of long ago changed something"
        elif twice:
            now = self.rows()
            self.dispatch.end(one.id, hand.job_id, report)
            assert self.rows() == now, "an ending that was repeated counted twice"
        if one.hand is hand:
            one.hand = None

    def restart_agent(self, device: int) -> None:
        """An agent is killed and started: it knows its spool and nothing else."""
        self.devices[device].hand = None
        self.devices[device].claim = ""
        self.devices[device].run = self._name()

    # What time and machines do.

    def time_passes(self, seconds: int) -> None:
        """Time passes, or the clock is put forward."""
        self.clock.move(seconds * 1_000)

    def clock_is_set_back(self, seconds: int) -> None:
        """The clock is set back, by seconds or by years."""
        self.clock.move(-seconds * 1_000)
        self.dispatch.expire()

    def expire(self) -> None:
        """The reaper comes round."""
        self.dispatch.expire()
        now_ms = self.clock.epoch_ms()
        for row in self.rows().values():
            if row.lease_until_ms is not None:
                assert now_ms <= row.lease_until_ms <= now_ms + LEASE_MS, "a lease longer than any lease"
            if row.state is JobState.QUEUED:
                assert row.not_before_ms <= now_ms + BACK_OFF_CAP_MS, "a job that waits longer than any back-off"

    def restart_orchestrator(self) -> None:
        """The orchestrator is killed and started: it knows its database and nothing else."""
        self.database.close()
        self.database = type(self).open_database()
        self.store.database = self.database
        self.start()

    def seal(self) -> None:
        """The analyst puts the readings of ended jobs into their blobs."""
        with self.database.write() as session:
            for curve_id in curves.to_seal(session):
                curves.seal(session, session.get_one(Curve, curve_id), now_ms=self.clock.epoch_ms())

    # What must hold.

    def rows(self) -> dict[int, JobRow]:
        """Every job as the database has it."""
        columns = (Job.id, Job.device_id, Job.state, Job.fence, Job.lease_until_ms, Job.not_before_ms)
        with self.database.read() as session:
            found = session.execute(sa.select(*columns, Job.cancel_asked_ms, Job.ended_ms)).all()
        return {
            number: JobRow(device, JobState(state), fence, until, not_before, asked is not None, ended)
            for number, device, state, fence, until, not_before, asked, ended in found
        }

    @invariant()
    def the_rules_hold(self) -> None:
        """Look at jobs, attempts and readings."""
        self.jobs_live_by_the_rules()
        self.attempts_are_the_leases()
        self.readings_are_there_once()

    def jobs_live_by_the_rules(self) -> None:
        """No job is lost, none comes back from its end, no fence shrinks, no device has two leases."""
        now = self.rows()
        assert len(now) == self.jobs_made, "a job is lost"
        for job_id, old in self.before.items():
            new = now[job_id]
            if old.state.final:
                assert new == old, "a job that had ended changed"
            moved_on = new.state is old.state or new.state in MOVES[old.state]
            through_the_queue = old.state is JobState.LEASED and new.state is JobState.LEASED and new.fence > old.fence
            assert moved_on or through_the_queue, f"no move from {old.state} to {new.state}"
            assert 0 <= new.fence - old.fence <= 1, "a fence that did not grow by one"
            assert new.fence == old.fence or new.state is JobState.LEASED, "a fence without its lease"
        leases = Counter(row.device_id for row in now.values() if row.state is JobState.LEASED)
        assert all(number == 1 for number in leases.values()), "a device with two leases"
        self.before = now

    def attempts_are_the_leases(self) -> None:
        """A job has an attempt for each fence, and the newest is open exactly while the job is leased."""
        ended = sa.func.count(Attempt.ended_ms)
        with self.database.read() as session:
            found = session.execute(
                sa.select(Attempt.job_id, sa.func.count(), sa.func.max(Attempt.fence), ended).group_by(Attempt.job_id)
            ).all()
        for job_id, attempts, newest, over in found:
            row = self.before[job_id]
            assert (attempts, newest) == (row.fence, row.fence)
            assert attempts - over == (row.state is JobState.LEASED)

    def readings_are_there_once(self) -> None:
        """Every pass that was taken is stored, once, and nothing else is."""
        with self.database.read() as session:
            rows = session.execute(sa.select(Pass.job_id, Pass.fence, Pass.round, Pass.number, Pass.readings_sha256))
            found = {tuple(key): sha256 for *key, sha256 in rows}
        assert found == {key: blob.sha256(content) for key, content in self.stored.items()}

    def teardown(self) -> None:
        """Let every device finish: all jobs end, and every reading measured is in the database, bit for bit."""
        try:
            if self.devices:
                self._finish()
        finally:
            self.database.close()

    def _finish(self) -> None:
        for _ in range(LONGEST_GAME):
            if all(row.state.final for row in self.rows().values()):
                break
            self.clock.move(BACK_OFF_CAP_MS)
            self.dispatch.expire()
            self.jobs_live_by_the_rules()
            for one in self.devices:
                self._work(one)
        assert all(row.state.final for row in self.rows().values()), "a job that never ends"
        for one in self.devices:
            self._empty_spool(one)
        self.seal()
        self.readings_are_there_once()
        kept: dict[Key, bytes] = {}
        with self.database.read() as session:
            for curve in session.scalars(sa.select(Curve)):
                for one_pass in curves.sealed_passes(curve):
                    key = (curve.job_id or 0, one_pass.fence, one_pass.round, one_pass.number)
                    assert key not in kept, "a pass twice in one blob"
                    kept[key] = blob.pack([one_pass])
        assert kept == self.stored, "what is sealed is not what was measured"

    def _empty_spool(self, one: ADevice) -> None:
        for job_id, batch in one.spool:
            self._hand_over(one, job_id, batch)
        one.sent += one.spool
        one.spool.clear()

    def _work(self, one: ADevice) -> None:
        """The device works on one job to its end, as an agent does that nothing happens to."""
        self._empty_spool(one)
        if one.hand is None:
            one.claim = self._name()
            self._lease(one)
        for _ in range(100):
            self.jobs_live_by_the_rules()
            if one.hand is None:
                return
            self._measure(one)
            self._empty_spool(one)
            self._next_round(one, one.hand)


def farm_on(open_database: Callable[[], Database]) -> type[Farm]:
    """The game on databases that ``open_database`` opens: the same one, empty of rows or not, each time."""
    return type("FarmOnDatabase", (Farm,), {"open_database": staticmethod(open_database), "steps": Counter()})
