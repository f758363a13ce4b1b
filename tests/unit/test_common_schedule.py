from __future__ import annotations

import dataclasses

import pytest

from agent.errors import StepfarmError
from orchestrator.commands.common_schedule import report
from orchestrator.common_schedule import MOST_CURVES, common_schedule
from orchestrator.views import CurveView
from tests.support.curve_views import FACTS, a_simulated_summary, a_summary, a_view, analysed_with_blocks
from tests.support.curves import sawtooth, slope


def a_measured_view(number: int, device: str, *, simulated: bool = False) -> CurveView:
    """A curve with blocks timed in place."""
    summary = a_simulated_summary(number, device) if simulated else a_summary(number, device)
    return a_view(summary, analysis=analysed_with_blocks())


def test_curves_of_another_model_or_with_other_tokens_have_no_schedule_in_common() -> None:
    first = a_measured_view(1, "bench-pi")
    other = a_view(a_summary(2, model="deit_tiny_patch16_224"), analysis=first.analysis)
    larger = a_view(a_summary(2, facts=dataclasses.replace(FACTS, tokens=577)), analysis=first.analysis)
    for stranger in (other, larger):
        with pytest.raises(StepfarmError, match="Curve 2 is of"):
            common_schedule([first, stranger])


def test_a_curve_without_its_blocks_is_named_with_the_command_that_times_them() -> None:
    with pytest.raises(StepfarmError, match="orin") as refused:
        common_schedule([a_measured_view(1, "bench-pi"), a_view(a_summary(2, "orin"))])
    assert "--device orin --blocks" in refused.value.advice


def test_too_many_curves_are_refused() -> None:
    with pytest.raises(StepfarmError, match="too many"):
        common_schedule([a_measured_view(number, "pi") for number in range(1, MOST_CURVES + 2)])


def test_where_no_token_is_worth_removing_a_budget_is_asked_for() -> None:
    flat = a_view(a_summary(1), analysis=analysed_with_blocks(lambda _tokens: 1e7))
    with pytest.raises(StepfarmError, match="No token is worth removing") as refused:
        common_schedule([flat, dataclasses.replace(flat, summary=a_summary(2, "orin"))])
    assert "--mean-tokens" in refused.value.advice


def test_a_simulated_device_among_them_is_named_in_the_report() -> None:
    views = [a_measured_view(1, "bench-pi"), a_measured_view(2, "sim-1", simulated=True)]
    told = report(common_schedule(views), views, kept_of="tokens")
    assert "Simulated: no hardware was timed for sim-1" in told


@pytest.mark.parametrize("kept", [0.6, 0.8])
def test_as_much_is_kept_as_is_asked_for(kept: float) -> None:
    views = [
        a_view(a_summary(number, f"device-{number}"), analysis=analysed_with_blocks(law))
        for number, law in enumerate((slope, sawtooth), 1)
    ]
    found = common_schedule(views, kept=kept)
    assert found.kept >= kept - 1e-9
    assert found.largest_regret >= found.at_least
