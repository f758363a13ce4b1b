"""The orchestrator on Ray: it serves, analyses and exports as tasks, and keeps to loopback."""

from __future__ import annotations

from pathlib import Path

from agent.exports import Exports
from agent.onnx.external import has_external_data
from agent.wire.exports import ExportAnswer, ExportRequest
from agent.wire.jobs import LeaseRequest, Runtime, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.leftovers import read
from tests.cluster.conftest import Cluster, command_of
from tests.support.filling import begun, enrolled
from tests.support.processes import descendants, is_loopback, listening, wait_until


def test_a_finished_job_is_analysed_as_a_ray_task(cluster: Cluster) -> None:
    device = enrolled(cluster.url, cluster.client, "worker")

    view = begun(device, cluster.client, plan=Plan(exhaustive=True, confirm=False, passes=5)).finish()

    assert view.summary.job_state is JobState.DONE
    assert {64, 128} <= {step.after_tokens for step in view.analysis.steps.steps}


def test_a_model_is_exported_as_a_ray_task_and_comes_to_the_device_whole(cluster: Cluster, tmp_path: Path) -> None:
    device = enrolled(cluster.url, cluster.client, "without-torch")
    cluster.client.create_sweep(
        models=["test_vit"], workloads=[Workload(runtime=Runtime.ONNXRUNTIME)], devices=["without-torch"], plan=Plan()
    )
    lease = device.client.lease(LeaseRequest(claim="0" * 16, run="0" * 16)).lease
    assert lease is not None
    answers: list[ExportAnswer] = []

    def answered() -> bool:
        answers.append(device.client.export(lease.job_id, ExportRequest(fence=lease.fence)))
        return answers[-1].file is not None or answers[-1].failure is not None

    wait_until(answered, what="the model is exported", seconds=240)

    file = answers[-1].file
    assert file is not None, answers[-1].failure
    path = Exports(tmp_path).path_of(file, lambda offset: device.client.fetch_export(file, offset))
    assert not has_external_data(path)


def test_nothing_listens_off_loopback(cluster: Cluster) -> None:
    assert cluster.ready()

    sockets = listening(descendants(cluster.process.pid))

    assert sockets
    assert {address: owner for address, owner in sockets.items() if not is_loopback(address)} == {}


def test_secrets_are_for_their_owner_alone(cluster: Cluster) -> None:
    home = cluster.home / "orchestrator"

    modes = {name: (home / name).stat().st_mode & 0o777 for name in ("operator.key", "ray.token")}

    assert modes == {"operator.key": 0o600, "ray.token": 0o600}


def test_rays_sockets_and_logs_are_for_their_owner_alone(cluster: Cluster) -> None:
    (folder,) = read(cluster.home / "orchestrator").folders

    assert list((folder / "r").glob("session_*/sockets/*"))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_rays_logs_or_the_list_of_processes(cluster: Cluster) -> None:
    device = enrolled(cluster.url, cluster.client, "secretive")
    home = cluster.home / "orchestrator"
    secrets = {(home / "operator.key").read_text().strip(), (home / "ray.token").read_text().strip(), device.key}
    (folder,) = read(home).folders

    logs = {
        str(path): path.read_text(errors="replace")
        for path in (folder / "r").glob("session_latest/logs/**/*.*")
        if path.is_file()
    }
    processes = {str(pid): command_of(pid).decode(errors="replace") for pid in descendants(cluster.process.pid)}

    assert any("serve" in name for name in logs)
    assert any("raylet" in command for command in processes.values())
    shown = {name for name, text in {**logs, **processes}.items() for secret in secrets if secret in text}
    assert shown == set()
