"""A batch that does not fit is told as such by the real measuring child, and costs the job alone."""

from __future__ import annotations

import sys

import pytest

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.measure.isolation import MeasuringChild
from agent.wire.jobs import FailureReason, Workload
from tests.support.memory import needs_linux

CHILD = """
import resource
from agent.measure.child import main
resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
raise SystemExit(main())
"""
LITTLE_MEMORY = (sys.executable, "-c", CHILD)
"""The measuring child where 8 GiB can be mapped, of which torch's libraries take some by themselves."""


@needs_linux
def test_a_batch_that_does_not_fit_is_its_own_failure() -> None:
    child = MeasuringChild(clock=SystemClock(), command=LITTLE_MEMORY)
    with child, pytest.raises(MeasurementFailed) as failed:
        child.start("test_vit", Workload(batch_size=4096, image_size=640, threads=1))
    assert failed.value.reason is FailureReason.OUT_OF_MEMORY
    assert "tried to allocate" in failed.value.message
    assert "smaller batch size" in failed.value.advice
