"""A measuring child without torch: a model of five tokens, 1 ms a token by a clock that it moves itself.

Run as a module it serves a parent like ``agent.measure.child``; its argument says how many passes it measures before it
hangs, or that there is no such model.
"""

from __future__ import annotations

import signal
import sys

from agent.errors import MeasurementFailed
from agent.measure import child
from agent.measure.child_protocol import Begin, Measure, PassMeasured, Ready
from agent.measure.sampling import Sampler
from agent.measure.synthetic import SyntheticSubject, VirtualClock
from agent.wire.codec import encode
from agent.wire.conditions import Conditions
from agent.wire.jobs import FailureReason, ModelFacts

FACTS = ModelFacts(tokens=5, prefix_tokens=1, blocks=1, image_size=32, threads=1, runtime_version="synthetic")

NO_MODEL = "no-model"
ENDLESS = "1000000"


def command(behaviour: str = ENDLESS) -> list[str]:
    """The command line of this child: the number of passes that it measures before it hangs, or `NO_MODEL`."""
    return [sys.executable, "-m", "tests.support.synthetic_child", behaviour]


class Served(child.Served):
    """Measures the synthetic subject."""

    def __init__(self, behaviour: str, clock: VirtualClock) -> None:
        super().__init__(clock=clock, gauge=clock, stop=lambda: False)
        self._behaviour = behaviour
        self._passes = 0
        self._virtual = clock
        subject = SyntheticSubject(FACTS, lambda tokens: tokens * 10**6, clock.advance)
        self._synthetic = Sampler(subject=subject, clock=clock, gauge=clock, threads=None)

    def begin(self, request: Begin) -> Ready:
        """Load nothing."""
        if self._behaviour == NO_MODEL:
            raise MeasurementFailed(
                FailureReason.MODEL_UNKNOWN, f"timm knows no model {request.model}", "Did you mean test_vit?"
            )
        return Ready(facts=FACTS)

    def measure(self, request: Measure) -> PassMeasured:
        """Measure one pass, or hang."""
        self._passes += 1
        if self._passes > int(self._behaviour):
            signal.pause()
        started_ms = self._virtual.epoch_ms()
        sampled = self._synthetic.measure_pass(request.round, request.number, lambda: False)
        return PassMeasured(
            started_ms=started_ms,
            complete=sampled.complete,
            before=Conditions(),
            after=Conditions(),
            readings=sampled.readings,
        )


def main() -> None:
    """Serve the parent until it goes away."""
    requests, answers = child.take_standard_streams()
    child.die_with_parent()
    served = Served(sys.argv[1], VirtualClock())
    while line := requests.readline():
        answers.write(encode(child.answer_to(line, served)) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
