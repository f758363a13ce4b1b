"""``stepfarm up`` killed in mid-sweep, and started again: the sweep goes on, and what the first left behind is gone.

The name of this file puts it behind the others, which share the first start of Ray.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wire.jobs import Workload
from orchestrator.analysis.planning import Plan
from orchestrator.client import Client
from orchestrator.jobs.states import JobState
from orchestrator.leftovers import read
from orchestrator.processes import living
from tests.cluster.conftest import Cluster
from tests.support.agent_program import stepfarm_agent, stepfarm_agent_at_work
from tests.support.processes import descendants, wait_until

PASSES = 12
ENOUGH = 2
PACE_S = "0.5"


@pytest.fixture
def agent(cluster: Cluster, tmp_path: Path) -> Iterator[None]:
    """A simulated device at work for the cluster."""
    code = cluster.client.new_join_code().code
    stepfarm_agent(tmp_path, "enroll", cluster.url, "--code", code, "--name", "steadfast", "--simulate", "stairs")
    with stepfarm_agent_at_work(tmp_path, "--pace", PACE_S):
        yield


def passes_stored(client: Client, sweep_id: int) -> list[tuple[int, int]]:
    """Round and number of every pass of the sweep's one job that is in the database."""
    (job,) = client.sweep(sweep_id).jobs
    return [] if job.curve_id is None else [(one.round, one.number) for one in client.readings(job.curve_id).passes]


def test_up_killed_in_mid_sweep_and_started_again_finishes_it_with_every_reading_once(
    cluster: Cluster, agent: None
) -> None:
    plan = Plan(exhaustive=True, confirm=False, passes=PASSES, stride=14)
    sweep = cluster.client.create_sweep(
        models=["deit_tiny_patch16_224"], workloads=[Workload(threads=1)], devices=["steadfast"], plan=plan
    )
    wait_until(lambda: len(passes_stored(cluster.client, sweep.id)) >= ENOUGH, what="passes are stored")
    left = read(cluster.home / "orchestrator").processes
    # On record is what lives, but for workers that Ray started a moment ago.
    assert len({process.pid for process in left} & descendants(cluster.process.pid)) >= 5
    folders = read(cluster.home / "orchestrator").folders
    before = passes_stored(cluster.client, sweep.id)
    assert ENOUGH <= len(before) < PASSES

    cluster.process.kill()
    cluster.process.wait()
    cluster.start()

    assert left.isdisjoint(seen.process for seen in living().values())
    assert [folder for folder in folders if folder.exists()] == []
    wait_until(lambda: cluster.client.sweep(sweep.id).ended, what="the sweep ends", seconds=120)
    (job,) = cluster.client.sweep(sweep.id).jobs
    assert job.state is JobState.DONE
    passes = cluster.client.readings(job.curve_id or 0).passes
    keys = [(one.round, one.number) for one in passes]
    assert len(set(keys)) == len(keys)
    first_round = [one for one in passes if one.round == 0]
    assert [one.number for one in first_round] == list(range(PASSES))
    assert len({len(one.tokens) for one in first_round}) == 1
