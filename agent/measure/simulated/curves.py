"""The latencies that simulated devices truly have: pure functions with known steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from agent.measure.simulated.models import SimulatedModel
from agent.wire.jobs import DataType, Workload

CORES = 4
"""Threads of a workload that names none."""

CPU_OPERATIONS_PER_NS = 50.0
"""Of one thread, near what a server core does in float32."""

THREADS_EXPONENT = 0.8
"""Four threads are three times as fast as one."""

GPU_OPERATIONS_PER_NS = 600.0
HALF_PRECISION_SPEED = 1.8

CALL_OF_A_BLOCK_NS = 250_000.0
"""What a CPU spends on a block beside its arithmetic."""

DISPATCH_OF_A_BLOCK_NS = 72_000.0
"""What the host needs to launch a block's dozen kernels; the GPU works meanwhile."""

NARROWEST_PLATEAU = 16
SAW_PERIOD = 16
SAW_LEFT_OVER = 1.5
"""What a token costs that does not fill up a period, in tokens that do."""


class Shape(str, Enum):
    """How latency depends on tokens."""

    STAIRS = "stairs"
    SAWTOOTH = "sawtooth"
    FLAT_START = "flat-start"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueStep:
    """A step that is there. ``change_ns`` is what the jump adds after ``after_tokens``, slopes taken out."""

    after_tokens: int
    change_ns: float


@dataclass(frozen=True, slots=True)
class TrueCurve:
    """Latencies in nanoseconds, of 1 token and up."""

    latencies_ns: tuple[float, ...]
    steps: tuple[TrueStep, ...]

    def latency_ns(self, tokens: int) -> float:
        """What one forward pass at ``tokens`` takes where nothing disturbs it."""
        return self.latencies_ns[tokens - 1]


def true_curve(shape: Shape, model: SimulatedModel, workload: Workload) -> TrueCurve:
    """The curve of ``model`` at ``workload`` on every device of this shape."""
    law, is_edge = _LAWS[shape](model, workload)
    latencies = tuple(law(tokens) for tokens in range(1, model.tokens + 1))
    edges = [tokens for tokens in range(1, model.tokens) if is_edge(tokens)]
    steps = (TrueStep(after_tokens=tokens, change_ns=_jump(latencies, tokens)) for tokens in edges)
    return TrueCurve(latencies, tuple(step for step in steps if step.change_ns))


def plateau(widest: int, batch_size: int) -> int:
    """Tokens of one plateau: more images fill the machine with fewer tokens each."""
    return max(NARROWEST_PLATEAU, widest // math.isqrt(batch_size))


_Law = tuple[Callable[[int], float], Callable[[int], bool]]
"""Nanoseconds at a number of tokens, and whether a step may follow after it."""


def _stairs(model: SimulatedModel, workload: Workload) -> _Law:
    """Arithmetic is done in whole tiles: every token of a tile costs as much as all of them."""
    width = plateau(64, workload.batch_size)
    work, calls_ns = _on_cpu(model, workload), model.blocks * CALL_OF_A_BLOCK_NS
    return lambda tokens: calls_ns + work(_rounded_up(tokens, width)), lambda tokens: tokens % width == 0


def _sawtooth(model: SimulatedModel, workload: Workload) -> _Law:
    """Tokens that do not fill a vector are done one by one: the token which fills it makes all of them cheaper."""
    work, calls_ns = _on_cpu(model, workload), model.blocks * CALL_OF_A_BLOCK_NS

    def law(tokens: int) -> float:
        left_over = tokens % SAW_PERIOD
        return calls_ns + work(tokens - left_over + SAW_LEFT_OVER * left_over)

    return law, lambda tokens: (tokens + 1) % SAW_PERIOD == 0


def _flat_start(model: SimulatedModel, workload: Workload) -> _Law:
    """A GPU: until its stairs rise above what the host needs to launch them, latency is the host's."""
    width = plateau(32, workload.batch_size)
    speed = GPU_OPERATIONS_PER_NS * _of_data_type(workload)
    dispatch_ns = model.blocks * DISPATCH_OF_A_BLOCK_NS

    def law(tokens: int) -> float:
        return max(dispatch_ns, workload.batch_size * model.operations(_rounded_up(tokens, width)) / speed)

    return law, lambda tokens: tokens % width == 0


_LAWS: dict[Shape, Callable[[SimulatedModel, Workload], _Law]] = {
    Shape.STAIRS: _stairs,
    Shape.SAWTOOTH: _sawtooth,
    Shape.FLAT_START: _flat_start,
}


def _on_cpu(model: SimulatedModel, workload: Workload) -> Callable[[float], float]:
    """Nanoseconds of arithmetic at a number of tokens, for the whole batch."""
    threads = workload.threads or CORES
    speed = CPU_OPERATIONS_PER_NS * threads**THREADS_EXPONENT * _of_data_type(workload)
    return lambda tokens: workload.batch_size * model.operations(tokens) / speed


def _of_data_type(workload: Workload) -> float:
    return 1.0 if workload.data_type is DataType.FLOAT32 else HALF_PRECISION_SPEED


def _rounded_up(tokens: int, width: int) -> int:
    return -(-tokens // width) * width


def _jump(latencies: tuple[float, ...], after: int) -> float:
    """What is left of the change after ``after`` tokens once the slopes beside it are taken out."""
    change = latencies[after] - latencies[after - 1]
    beside = [latencies[right] - latencies[right - 1] for right in (after - 1, after + 1) if 0 < right < len(latencies)]
    return change - sum(beside) / len(beside) if beside else change
