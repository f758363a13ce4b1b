from __future__ import annotations

import dataclasses

from agent.wire.enrolment import DeviceKind
from dashboard.device_words import (
    COLOURS,
    KINDS,
    MARKS,
    STATES,
    doubled_words,
    facts,
    hardware_words,
    queue_words,
    state_words,
)
from orchestrator.jobs.states import JobState
from orchestrator.views import DeviceState
from tests.support.fleet_views import NOW_MS, a_device, a_job, progress
from tests.support.messages import DESCRIPTION


def test_every_kind_and_state_has_words_and_a_mark() -> None:
    assert set(KINDS) == set(MARKS) == set(DeviceKind)
    assert set(STATES) == set(COLOURS) == set(DeviceState)


def test_an_idle_device_says_when_it_was_last_heard_of() -> None:
    assert state_words(a_device(), NOW_MS) == "Idle, last heard of just now."


def test_a_measuring_device_says_what_how_far_and_how_long() -> None:
    job = a_job(JobState.LEASED, progress=progress(2, 7, left_s=125.0))
    words = state_words(a_device(state=DeviceState.MEASURING, job=job), NOW_MS)
    assert words == "Measuring deit_tiny_patch16_224 at batch 4: pass 3 of 7, about 2 min left."


def test_a_quiet_device_says_since_when_and_what_it_was_measuring() -> None:
    device = a_device(state=DeviceState.QUIET, last_seen_ms=NOW_MS - 720_000, job=a_job(JobState.LEASED))
    assert state_words(device, NOW_MS) == (
        "Gone quiet: last heard of 12 min ago, 2025-10-09 08:41 UTC. It was measuring deit_tiny_patch16_224 at batch 4."
    )


def test_a_revoked_device_says_since_when_whatever_else_it_did() -> None:
    device = a_device(state=DeviceState.REVOKED, revoked_ms=NOW_MS, job=a_job(JobState.LEASED))
    assert state_words(device, NOW_MS).startswith("Revoked since 2025-10-09 08:53 UTC")


def test_a_second_agent_with_the_same_identity_is_told_while_it_may_be_back() -> None:
    told = doubled_words(a_device(doubled_ms=NOW_MS - 300_000), NOW_MS)
    assert told == "Two agents use its identity, seen 5 min ago."
    assert doubled_words(a_device(doubled_ms=NOW_MS - 7 * 86_400_000), NOW_MS) is None
    assert doubled_words(a_device(), NOW_MS) is None


def test_a_simulated_device_is_not_given_a_kind_of_hardware() -> None:
    description = dataclasses.replace(DESCRIPTION, hardware="simulated: stairs")
    assert hardware_words(a_device(kind=DeviceKind.SIMULATED, description=description)) == "simulated: stairs"
    assert hardware_words(a_device()) == "Raspberry Pi · Raspberry Pi 5 Model B Rev 1.0"


def test_the_queue_is_counted() -> None:
    assert queue_words(a_device()) == "nothing queued"
    assert queue_words(a_device(queued=1)) == "1 job queued"
    assert queue_words(a_device(queued=3)) == "3 jobs queued"


def test_the_facts_of_a_device_name_its_hardware_and_packages() -> None:
    found = facts(a_device())
    assert found["Hardware"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert found["Processor"] == "Cortex-A76, 4 cores"
    assert found["Memory"] == "8.0 GiB"
    assert found["Packages"] == "torch 2.9.0"
