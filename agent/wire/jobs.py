"""Jobs as a device sees them: leases, rounds, heartbeats and how a job ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import (
    MOST_TOKENS,
    Fence,
    Identifier,
    Items,
    Line,
    ModelName,
    Ordinal,
    Paragraph,
    Range,
    Seconds,
    Text,
    Tokens,
)
from agent.wire.holdings import Material
from agent.wire.schedules import Schedule

MOST_SCHEDULES = 32
"""The most schedules that are timed side by side."""

MOST_BUDGET_READINGS = 100_000_000


class Task(str, Enum):
    """What a job is for."""

    SWEEP = "sweep"
    VERIFICATION = "verification"
    ACCURACY = "accuracy"
    HEALTH = "health"


class DataType(str, Enum):
    """The data type of weights and activations."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Runtime(str, Enum):
    """What executes the model."""

    EAGER = "eager"
    COMPILE_DYNAMIC = "compile-dynamic"
    COMPILE_STATIC = "compile-static"
    ONNXRUNTIME = "onnxruntime"


class Processor(str, Enum):
    """Where the model runs."""

    CPU = "cpu"
    CUDA = "cuda"


class Subject(str, Enum):
    """What is timed.

    The whole model cut to n tokens; each of its blocks, in place, while that same model runs; or the whole model under
    one schedule and another.
    """

    MODEL = "model"
    BLOCKS = "blocks"
    SCHEDULES = "schedules"


class Order(str, Enum):
    """In what order a pass visits its token counts: all of them shuffled, or two and two together, to compare them.

    Alternating pairs are the first and second count of a round, the third and fourth, and so on. The pairs are
    shuffled; which of the two comes first alternates from pass to pass.
    """

    SHUFFLED = "shuffled"
    ALTERNATING = "alternating"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(Message):
    """What a model is run with. No image size means the model's own, no threads all cores that the agent may use."""

    batch_size: Annotated[int, Range(1, 4_096)] = 1
    image_size: Annotated[int, Range(8, 4_096)] | None = None
    data_type: DataType = DataType.FLOAT32
    runtime: Runtime = Runtime.EAGER
    processor: Processor = Processor.CPU
    threads: Annotated[int, Range(1, 1_024)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts(Message):
    """What the device found when it loaded the model. ``tokens`` counts class and register tokens in."""

    tokens: Tokens
    prefix_tokens: Annotated[int, Range(0, MOST_TOKENS)]
    blocks: Annotated[int, Range(1, 1_024)]
    image_size: Annotated[int, Range(8, 4_096)]
    threads: Annotated[int, Range(1, 1_024)]
    runtime_version: Line

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.prefix_tokens >= self.tokens:
            raise WireError("prefix_tokens", f"must be fewer than all tokens, {self.tokens}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Message):
    """What to measure next: these token counts, for this many passes.

    A pass visits every count once, and ``sentinel`` every ``sentinel_every`` visits. After ``min_passes`` the round
    ends early when every count's relative standard error over passes is at most ``stop_error``, when ``budget_s`` of
    measuring are used up, or when ``budget_readings`` have no room for a pass like the last. ``seed`` and the number of
    the pass give the order.

    Where the subject is schedules, ``schedules`` are those to be timed, and every count, the sentinel too and those of
    the readings that come back, is the number of one of them, from 1.
    """

    number: Ordinal
    subject: Subject = Subject.MODEL
    order: Order = Order.SHUFFLED
    tokens: Annotated[tuple[Tokens, ...], Items(MOST_TOKENS, 1)]
    sentinel: Tokens
    sentinel_every: Annotated[int, Range(1, MOST_TOKENS)] = 30
    min_passes: Annotated[int, Range(1, 1_000)]
    max_passes: Annotated[int, Range(1, 1_000)]
    stop_error: Annotated[float, Range(0, 1)] | None = None
    budget_s: Seconds | None = None
    budget_readings: Annotated[int, Range(0, MOST_BUDGET_READINGS)] | None = None
    seed: Annotated[int, Range(0, 2**32 - 1)]
    schedules: Annotated[tuple[Schedule, ...], Items(MOST_SCHEDULES)] = ()

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if (self.subject is Subject.SCHEDULES) != bool(self.schedules):
            raise WireError("schedules", "must be given exactly where the subject is schedules")
        if self.schedules and max(*self.tokens, self.sentinel) > len(self.schedules):
            raise WireError("tokens", f"must be numbers of the {len(self.schedules)} schedules")
        if self.max_passes < self.min_passes:
            raise WireError("max_passes", f"must not be below min_passes, {self.min_passes}")
        if len(set(self.tokens)) != len(self.tokens):
            raise WireError("tokens", "must not name a count twice")
        if self.order is Order.ALTERNATING and len(self.tokens) % 2:
            raise WireError("tokens", "must be pairs where the order is alternating")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest(Message):
    """A device asks for work.

    ``claim`` is made anew for each wish and repeated until answered, ``run`` by each start of the agent: two runs that
    speak in turn are two agents with one identity.
    """

    claim: Annotated[str, Text(64, 16, r"[0-9a-f]+")]
    run: Annotated[str, Text(64, 16, r"[0-9a-f]+")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease(Message):
    """The right to work on a job until ``lease_s`` after the device *sent* what earned it.

    ``material`` is what an accuracy job rests on; other tasks need none.
    """

    job_id: Identifier
    fence: Fence
    task: Task
    model: ModelName
    workload: Workload
    lease_s: Seconds
    heartbeat_s: Seconds
    material: Material | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if (self.task is Task.ACCURACY) != (self.material is not None):
            raise WireError("material", "must be given exactly where task is accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseAnswer(Message):
    """A lease, or none: then ask again after ``retry_after_s``. With ``rotate_key`` the device needs another key."""

    lease: Lease | None
    retry_after_s: Seconds
    rotate_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Message):
    """The device is alive and still wants its lease. ``spooled`` is how many passes it has not handed over."""

    fence: Fence
    spooled: Ordinal = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswer(Message):
    """The lease is renewed; with ``cancel`` the device stops within one pass and reports ``cancelled``."""

    lease_s: Seconds
    cancel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRequest(Message):
    """The model is loaded and round ``completed`` is measured and posted (None before the first)."""

    fence: Fence
    facts: ModelFacts
    completed: Ordinal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundAnswer(Message):
    """The next round, of which ``passes_done`` are already stored; no round means the job is done."""

    round: Round | None
    passes_done: Ordinal


class Ending(str, Enum):
    """How a device ends a job that it does not finish."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given-back"


class FailureReason(str, Enum):
    """Why a job failed, for programs; the message beside it is for people."""

    MODEL_UNKNOWN = "model-unknown"
    MODEL_UNSUPPORTED = "model-unsupported"
    WORKLOAD_UNSUPPORTED = "workload-unsupported"
    RUNTIME_MISSING = "runtime-missing"
    OUT_OF_MEMORY = "out-of-memory"
    DISK_FULL = "disk-full"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    ALL_REJECTED = "all-rejected"
    SCHEDULE_REFUSED = "schedule-refused"
    DATA_UNUSABLE = "data-unusable"
    """The weights or the images that an accuracy job needs are not there, or do not fit."""
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Message):
    """What went wrong on the device and what to do about it."""

    reason: FailureReason
    message: Paragraph
    advice: Paragraph


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport(Message):
    """The device lets go of a job. ``failure`` stands exactly where ``ending`` is failed."""

    fence: Fence
    ending: Ending
    failure: Failure | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if (self.ending is Ending.FAILED) != (self.failure is not None):
            raise WireError("failure", "must be given exactly where ending is failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Message):
    """It is done; there is nothing else to say."""
