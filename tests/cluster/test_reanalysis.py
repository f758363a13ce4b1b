"""Many curves are analysed anew as Ray tasks; a killed replica comes back, and nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sqlite3

from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.planning import Plan
from tests.cluster.conftest import Cluster, command_of
from tests.support.filling import begun, enrolled
from tests.support.processes import descendants, wait_until

CURVES = 16


def made_ms(cluster: Cluster) -> dict[int, int]:
    """When the result of each curve was made."""
    with contextlib.closing(sqlite3.connect(cluster.home / "orchestrator" / "stepfarm.db")) as connection:
        return dict(connection.execute("SELECT curve_id, computed_ms FROM analyses").fetchall())


def test_everything_is_analysed_anew_on_ray_and_a_kill_in_the_middle_costs_nothing_but_time(cluster: Cluster) -> None:
    device = enrolled(cluster.url, cluster.client, "original")
    original = begun(device, cluster.client, plan=Plan(passes=5)).finish()
    file = cluster.client.curve_file(original.summary.id)
    copies = [dataclasses.replace(file, device=f"copy-{n}", device_kind=DeviceKind.LINUX) for n in range(CURVES)]
    curves = {cluster.client.import_curve(copy).curve.id for copy in copies}
    wait_until(lambda: curves <= made_ms(cluster).keys(), what="all are analysed", seconds=120)
    before, readings = made_ms(cluster), cluster.client.readings(original.summary.id)
    replica = next(pid for pid in descendants(cluster.process.pid) if b"ServeReplica" in command_of(pid))

    asked = cluster.client.reanalyse(everything=True)
    wait_until(
        lambda: any(b"ray::analyse" in command_of(pid) for pid in descendants(cluster.process.pid)),
        what="a Ray task analyses",
    )
    wait_until(lambda: cluster.client.reanalysis().waiting < asked.waiting, what="some are done")
    os.kill(replica, signal.SIGKILL)
    wait_until(lambda: replica not in descendants(cluster.process.pid), what="the replica is gone")
    half_way = made_ms(cluster)
    done = {curve for curve, made in half_way.items() if made > before[curve]}
    wait_until(cluster.ready, what="another replica answers")
    cluster.client.reanalyse(everything=True)
    wait_until(lambda: cluster.client.reanalysis().waiting == 0, what="all are done")

    after = made_ms(cluster)
    assert asked.waiting == len(before)
    assert 0 < len(done) < len(before)
    assert {curve: after[curve] for curve in done} == {curve: half_way[curve] for curve in done}
    assert all(after[curve] > before[curve] for curve in before)
    assert cluster.client.reanalysis().failures == ()
    assert cluster.client.readings(original.summary.id) == readings
    assert cluster.client.curve(max(curves)).analysis == original.analysis
