"""Whatever readings come, the analysis answers, in words where it has no result, never surely from doubt alone."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.codec import encode
from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.advice import advice_for
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.steps import DOUBTED_CONFIDENCE, StepsOutcome

LATENCIES = st.one_of(
    st.integers(-5, 5), st.just(1_000_000), st.integers(900_000, 1_100_000), st.integers(1, 3_600_000_000_000)
)
REASONS = st.lists(st.sampled_from(list(DoubtReason)), max_size=2, unique=True)


@st.composite
def passes(draw: st.DrawFn) -> list[PassReadings]:
    """Few or many passes that may repeat, contradict or doubt one another, with times that cannot be."""
    counts = draw(st.lists(st.integers(1, 4_096), max_size=24))
    found = []
    for number in range(draw(st.integers(0, 5))):
        tokens = draw(st.permutations(counts)) if draw(st.booleans()) else counts
        length = len(tokens)
        factor = draw(st.sampled_from([1, 1, 3]))
        steady = draw(st.booleans())
        times = [1_000 * count + 500_000 * (count > 2_000) for count in tokens]
        latency = times if steady else draw(st.lists(LATENCIES, min_size=length, max_size=length))
        doubts = tuple(Doubt(reason=reason, evidence="it said so") for reason in draw(REASONS))
        one = PassReadings(
            fence=1,
            round=0,
            number=number,
            complete=True,
            tokens=np.array(tokens, np.int64),
            start_ns=np.arange(length, dtype=np.int64),
            latency_ns=np.array(latency, np.int64) * factor,
            accepted=np.array(draw(st.lists(st.booleans(), min_size=length, max_size=length)), np.bool_),
            doubts=doubts,
        )
        if length and draw(st.booleans()):
            # As a foreign file may have them: no number at all.
            broken = one.latency_ns.astype(np.float64)
            broken[draw(st.integers(0, length - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
            one = dataclasses.replace(one, latency_ns=broken)  # type: ignore[arg-type]  # that is the point
        found.append(one)
    return found


def test_passes_that_contradict_one_another_by_a_million_have_latencies_all_the_same() -> None:
    said: list[dict[int, int]] = [{1: 1_000_000, 3: 1_000_000, 4: 1, 5: 1}, {2: 1, 4: 1_000_000, 5: 1_000_000}]
    analysis = analyse(
        PassReadings(
            fence=1,
            round=0,
            number=number,
            complete=True,
            tokens=np.array(list(latencies)),
            start_ns=np.arange(len(latencies)),
            latency_ns=np.array(list(latencies.values())),
            accepted=np.ones(len(latencies), np.bool_),
        )
        for number, latencies in enumerate(said)
    )

    assert [point.tokens for point in analysis.curve.points] == [1, 2, 3, 4, 5]
    assert all(point.latency_ns >= 1 for point in analysis.curve.points)
    assert encode(analysis)


@settings(max_examples=60)
@given(passes(), st.integers(-1, 5_000))
def test_the_analysis_answers_whatever_it_is_given_and_is_never_sure_from_doubt_alone(
    given_passes: list[PassReadings], in_mind: int
) -> None:
    analysis = analyse(given_passes)

    assert analysis.steps.explanation
    assert (analysis.steps.outcome is StepsOutcome.FOUND) == bool(analysis.steps.steps)
    assert encode(analysis), "it can be stored: every number is finite"
    assert advice_for(analysis, in_mind).words
    doubted = {point.tokens for point in analysis.curve.points if point.doubted}
    for step in analysis.steps.steps:
        assert step.confidence <= DOUBTED_CONFIDENCE or not step.doubted
        assert not {point.tokens for point in analysis.curve.points} <= doubted or step.confidence <= DOUBTED_CONFIDENCE
    if analysis.curve.distrusted:
        assert analysis.steps.steps == ()
