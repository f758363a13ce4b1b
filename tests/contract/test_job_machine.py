"""Any order of leases, readings, repeats, cancels, expiries, wrong clocks and restarts; at length: ``make soak``."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orchestrator.storage.database import Database
from tests.support.job_machine import farm_on

SHORT = settings(
    max_examples=5,
    stateful_step_count=60,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_no_order_of_what_can_happen_leases_twice_writes_stale_or_loses_a_job_or_a_reading(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    farm = farm_on(lambda: Database(url))
    run_state_machine_as_test(farm, settings=SHORT)
    assert sum(farm.steps.values()) > 100
    assert len(farm.steps) > 10
