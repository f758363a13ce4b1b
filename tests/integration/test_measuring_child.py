"""The real measuring child with the real torch, on the smallest plain ViT that timm has."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.measure.isolation import MeasuringChild
from agent.wire.jobs import FailureReason, Round, Workload


def a_round(*tokens: int) -> Round:
    return Round(number=0, tokens=tokens, sentinel=101, min_passes=2, max_passes=2, seed=1)


def test_two_passes_of_a_real_model_are_measured_while_the_parent_only_waits() -> None:
    with MeasuringChild(clock=SystemClock()) as child:
        before_s = time.process_time()
        facts = child.start("test_vit", Workload(threads=1))
        passes = [child.measure_pass(a_round(2, 34, 67, 101), number, deadline_s=120) for number in range(2)]
        parent_s = time.process_time() - before_s
    assert (facts.tokens, facts.prefix_tokens, facts.threads) == (101, 1, 1)
    for measured in passes:
        assert measured.complete
        assert {reading.tokens for reading in measured.readings} == {2, 34, 67, 101}
        assert measured.started_ms > 1_600_000_000_000
    latencies = [[r.latency_ns for p in passes for r in p.readings if r.tokens == tokens] for tokens in (2, 101)]
    assert min(latencies[0]) < min(latencies[1])
    assert [r.tokens for r in passes[0].readings] != [r.tokens for r in passes[1].readings]
    assert parent_s < 0.5


def test_while_a_child_measures_its_parent_uses_less_than_a_hundredth_of_a_core() -> None:
    with MeasuringChild(clock=SystemClock()) as child:
        child.start("test_vit", Workload(batch_size=32, threads=1))
        began_s, cpu_before_s = time.perf_counter(), time.process_time()
        passes = 0
        while (wall_s := time.perf_counter() - began_s) < 2:
            child.measure_pass(a_round(*range(2, 102, 7)), passes, deadline_s=120)
            passes += 1
        parent_s = time.process_time() - cpu_before_s
    assert parent_s < 0.01 * wall_s, f"{parent_s:.4f} s of {wall_s:.1f} s in {passes} passes"


def test_nothing_that_the_parent_sends_falls_into_a_timed_call() -> None:
    sent: list[tuple[int, int]] = []
    over = threading.Event()
    with MeasuringChild(clock=SystemClock()) as child:
        child.start("test_vit", Workload(batch_size=8, threads=1))

        def send() -> None:
            while not over.wait(0.005):
                with child.between_readings():
                    begin_ns = time.perf_counter_ns()
                    over.wait(0.002)
                    sent.append((begin_ns, time.perf_counter_ns()))

        heart = threading.Thread(target=send)
        heart.start()
        asked_ns = time.perf_counter_ns()
        measured = child.measure_pass(a_round(*range(2, 102, 3)), 0, deadline_s=120)
        answered_ns = time.perf_counter_ns()
        over.set()
        heart.join()
    timed = [(reading.start_ns, reading.start_ns + reading.latency_ns) for reading in measured.readings]
    # What is sent after a pass is sent after its last reading, and what is sent meanwhile between two.
    assert all(asked_ns < start_ns <= end_ns < answered_ns for start_ns, end_ns in timed)
    assert sum(timed[0][0] < begin_ns < timed[-1][0] for begin_ns, _ in sent) >= 3
    assert not [(one, call) for one in sent for call in timed if one[0] < call[1] and call[0] < one[1]]


def test_a_child_that_is_killed_in_mid_pass_is_a_typed_failure() -> None:
    with MeasuringChild(clock=SystemClock()) as child:
        child.start("test_vit", Workload(batch_size=64, threads=1))
        assert child.pid is not None
        killer = threading.Timer(0.3, os.kill, (child.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(MeasurementFailed) as failed:
            child.measure_pass(a_round(*range(2, 102)), 0, deadline_s=120)
        killer.join()
    assert failed.value.reason is FailureReason.OUT_OF_MEMORY


def test_a_model_that_timm_does_not_know_is_told_with_the_names_that_are_close() -> None:
    child = MeasuringChild(clock=SystemClock())
    with child, pytest.raises(MeasurementFailed, match="test_vitt") as failed:
        child.start("test_vitt", Workload())
    assert failed.value.reason is FailureReason.MODEL_UNKNOWN
    assert "test_vit" in failed.value.advice
