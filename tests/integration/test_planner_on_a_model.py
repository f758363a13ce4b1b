"""The planner with a real model, and through the orchestrator: a search, its pairs, and what is stored of them."""

from __future__ import annotations

from pathlib import Path

from agent.wire.jobs import Order, Workload
from orchestrator.alone import measure
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.steps import StepsOutcome
from orchestrator.curves.file import read, write
from orchestrator.jobs.states import JobState
from tests.support.filling import begun, enrolled
from tests.support.serving import serving


def test_a_search_on_a_real_model_ends_with_a_curve_of_its_shuffled_passes_alone() -> None:
    measured = measure("test_vit", Workload(threads=1), plan=Plan(passes=3, min_tokens=85, budget_readings=150))

    shuffled = [one for one in measured.rounds if one.order is Order.SHUFFLED]
    visited = {tokens for one in shuffled for tokens in (*one.tokens, one.sentinel)}
    assert {point.tokens for point in measured.analysis.curve.points} <= visited
    assert measured.analysis.steps.outcome in set(StepsOutcome)
    file = measured.curve_file("here")
    assert read(write(file).encode(), "here.json").passes == file.passes
    assert {one.order for one in file.passes} == {one.order for one in measured.rounds}


def test_an_orchestrator_plans_a_search_confirms_its_steps_and_says_what_the_budget_cut(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        device = enrolled(served.url, served.client, "board")
        whole = begun(device, served.client, plan=Plan()).finish()
        cut = begun(device, served.client, plan=Plan(budget_readings=150)).finish()

    assert whole.summary.job_state is JobState.DONE
    assert any(step.confirmed and step.paired is not None for step in whole.steps)
    assert not whole.analysis.steps.budget_used_up
    assert cut.analysis.steps.budget_used_up
    assert "budget was used up" in cut.analysis.steps.explanation
    assert cut.summary.readings <= 150
