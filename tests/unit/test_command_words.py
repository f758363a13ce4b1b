"""How commands word what they say."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from agent.wire.codec import WireError
from agent.wire.jobs import DataType, Failure, FailureReason, Processor, Task, Workload
from orchestrator.analysis.analyse import METHOD_VERSION
from orchestrator.commands.curves import report
from orchestrator.commands.in_words import MOST_NAMED, job_title, standing, troubles
from orchestrator.commands.options import complaint_about
from orchestrator.commands.output import roughly
from orchestrator.commands.workloads import in_short, title_of
from orchestrator.jobs.states import JobState
from orchestrator.views import JobView, Progress
from tests.support.curve_views import a_summary, a_view

FAILURE = Failure(reason=FailureReason.CRASHED, message="It broke.", advice="Mend it.")

A_JOB = JobView(
    id=7,
    sweep_id=1,
    device="pi",
    task=Task.SWEEP,
    model="a",
    workload=Workload(batch_size=4),
    state=JobState.LEASED,
    attempts=1,
    cancelling=False,
    progress=Progress(round=0, passes_done=1, passes_planned=5, left_s=130.0),
    failure=None,
    setback=None,
    waits_until_ms=None,
    curve_id=3,
    created_ms=0,
    ended_ms=None,
)


@pytest.mark.parametrize(
    ("path", "complaint", "said"),
    [
        ("batch_size", "must be 1", "--batch: must be 1"),
        ("image_size", "must be 8", "--image-size: must be 8"),
        ("models[1]", "must match x", "MODEL b/c: must match x"),
        ("devices[0]", "must match x", "--device pi 5: must match x"),
        ("devices", "must name at least one device", "--device: must name at least one device"),
        ("min_tokens", "must not be above max_tokens, 5", "--min-tokens: must not be above --max-tokens, 5"),
    ],
)
def test_what_is_wrong_with_an_option_names_the_option(path: str, complaint: str, said: str) -> None:
    options = argparse.Namespace(models=["a", "b/c"], device=["pi 5"])

    assert complaint_about(WireError(path, complaint), options) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "about 1 s"),
        (7.4, "about 7 s"),
        (44, "about 40 s"),
        (89, "about 90 s"),
        (130, "about 2 min"),
        (5_399, "about 90 min"),
        (9_000, "about 2.5 h"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_is(seconds: float, said: str) -> None:
    assert roughly(seconds) == said


def test_a_workload_is_told_as_far_as_it_is_not_the_usual() -> None:
    assert in_short(Workload()) == "batch 1"
    unusual = Workload(batch_size=4, data_type=DataType.FLOAT16, processor=Processor.CUDA, image_size=64, threads=1)
    assert in_short(unusual) == "batch 4, float16, cuda, 64 px, 1 thread"


def test_a_title_names_data_type_and_runtime_always() -> None:
    assert title_of("a", Workload(threads=2), "pi") == "a, batch 1, float32, eager, 2 threads on pi"
    assert title_of("a", Workload(data_type=DataType.FLOAT16), "pi") == "a, batch 1, float16, eager on pi"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "1 of 5 passes, about 2 min left"),
        ({"progress": None}, "loads the model"),
        ({"progress": Progress(round=2, passes_done=1, passes_planned=1, left_s=None)}, "round 3: 1 of 1 pass"),
        ({"cancelling": True}, "stops when its device hears of it"),
        ({"device_quiet": True}, "gone quiet"),
        ({"state": JobState.QUEUED, "waits_until_ms": 1}, "waits until "),
        ({"state": JobState.QUEUED, "device_quiet": True}, "waits for its device"),
        ({"state": JobState.QUEUED, "curve_id": None}, ""),
        ({"state": JobState.DONE}, "curve 3"),
    ],
)
def test_how_a_job_stands_is_said_where_its_state_does_not_say_it(changes: dict[str, object], said: str) -> None:
    words = standing(replace(A_JOB, **changes))  # type: ignore[arg-type]

    assert said in words
    assert bool(words) == bool(said)


def test_each_trouble_is_told_once_with_the_jobs_that_met_it() -> None:
    failed = [replace(A_JOB, id=number, state=JobState.FAILED, failure=FAILURE) for number in range(1, MOST_NAMED + 3)]
    tried = replace(A_JOB, id=9, state=JobState.QUEUED, setback=FAILURE)

    told = troubles([*failed, A_JOB, tried])

    assert len(told) == 2
    assert told[0].startswith(f"job 1 (pi: {job_title(A_JOB)}), ")
    assert "2 more: It broke.\n  Mend it." in told[0]
    assert "job 9" in told[1]
    assert "tried again" in told[1]


def test_a_curve_found_by_an_older_version_of_the_method_says_so_and_how_to_have_it_anew() -> None:
    view = a_view(a_summary(12))
    older = replace(view, analysis=replace(view.analysis, method_version=METHOD_VERSION - 1))

    assert "stepfarm curves reanalyse 12" in report(older)
    assert "reanalyse" not in report(view)
