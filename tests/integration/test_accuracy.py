"""Accuracy end to end: a model is trained, given to a device, and what pruning costs of its accuracy is measured."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform
from timm.models.vision_transformer import VisionTransformer

from agent.errors import Refused
from agent.holdings.register import Register
from agent.measure.isolation import COMMAND
from agent.vit.scheduled import with_schedule
from agent.wire.jobs import FailureReason, Runtime, Task, Workload
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.commands.demo_devices import DemoDevice, DeviceAtWork
from orchestrator.commands.demo_front import measured_front
from orchestrator.jobs.states import JobState
from orchestrator.storage.tables import Tally
from orchestrator.views import AccuracyView, JobView
from tests.support.agents import at_work, enrolled, eventually
from tests.support.digits import DATASET, IMAGES, MODEL, Trained, give_images, give_weights, trained
from tests.support.serving import Served, serving

WORKLOAD = Workload(batch_size=20, threads=1)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("orchestrator")) as running:
        yield running


@pytest.fixture(scope="module")
def learned(served: Served, given: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of the device *learned*, which is at work and was given the weights and the images meanwhile."""
    home = tmp_path_factory.mktemp("learned")
    identity = enrolled(served, home / "agent", "learned")
    with at_work(served.url, identity.key, home / "agent", child=COMMAND, hasty=False):
        give_weights(home, given.weights)
        give_images(home, DATASET, given.images)
        eventually(lambda: knows(served, "learned"), "the agent tells what it was given while it runs")
        yield home


def knows(served: Served, name: str, dataset: str = DATASET) -> bool:
    """Whether the orchestrator has heard that the device has the images."""
    return served.client.device(name).description.holdings.dataset(dataset) is not None


def measured(served: Served, plan: AccuracyPlan, device: str, workload: Workload = WORKLOAD) -> JobView:
    """The accuracy job that ``plan`` made, once it has ended."""
    sweep = served.client.measure_accuracy(models=[MODEL], plan=plan, workload=workload, devices=[device])
    eventually(lambda: served.client.sweep(sweep.id).ended, "the accuracy job ends")
    (job,) = served.client.sweep(sweep.id).jobs
    return job


def shares_by_plain_torch(given: Trained, view: AccuracyView) -> list[float]:
    """Top-1 of all images, unpruned and under each schedule, without any of the code that measures accuracy."""
    model = timm.create_model(MODEL, num_classes=10).eval()
    model.load_state_dict(load_file(given.weights))
    assert isinstance(model, VisionTransformer)
    config: dict[str, Any] = resolve_data_config({}, model=model)  # type: ignore[no-untyped-call]
    transform: Any = create_transform(**config, is_training=False)
    files = sorted(given.images.glob("*/*.png"))
    images = torch.stack([transform(Image.open(file).convert("RGB")) for file in files])
    labels = torch.tensor([int(file.parent.name) for file in files])
    models = [model if one.schedule is None else with_schedule(model, one.schedule) for one in view.results]
    with torch.inference_mode():
        return [float((one(images).argmax(-1) == labels).double().mean()) for one in models]


def test_the_accuracy_of_a_trained_model_is_that_of_plain_torch_unpruned_and_pruned(
    served: Served, given: Trained, learned: Path
) -> None:
    plan = AccuracyPlan(dataset=DATASET, methods=(Method.ONE_MORE, Method.TOP_K), tokens=(60, 20))
    job = measured(served, plan, "learned")

    view = served.client.accuracy(job.id)
    assert (job.task, job.state, job.failure) == (Task.ACCURACY, JobState.DONE, None)
    assert [one.schedule.leaving[-1] if one.schedule else None for one in view.results] == [None, 60, 20, 60, 20]
    assert {one.images for one in view.results} == {IMAGES}
    found = [one.top_1.value if one.top_1 else None for one in view.results]
    assert found == pytest.approx(shares_by_plain_torch(given, view))
    unpruned = view.results[0]
    assert unpruned.top_1 is not None
    assert unpruned.top_1.low > 0.1, "it has learned more than to guess"
    assert (unpruned.agreement.value, unpruned.divergence.value) == (1.0, 0.0)
    assert all(one.divergence.value > 0 for one in view.results[1:])
    assert view.weights.sha256 == Register(learned / "agent").holdings().weights[0].sha256
    assert served.client.accuracies(model=MODEL)[0] == view


@contextlib.contextmanager
def an_agent(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``stepfarm-agent run``, killed when the context ends."""
    environment = {**os.environ, "STEPFARM_HOME": str(home)}
    agent = subprocess.Popen([sys.executable, "-m", "agent.cli", "run"], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield agent
    finally:
        agent.kill()
        agent.wait()


def test_after_kill_9_in_the_middle_a_job_goes_on_after_the_last_stored_batch(
    served: Served, given: Trained, tmp_path: Path
) -> None:
    enrolled(served, tmp_path / "agent", "killed")
    give_weights(tmp_path, given.weights)
    give_images(tmp_path, DATASET, given.images)
    plan, workload = AccuracyPlan(dataset=DATASET, tokens=(40,)), Workload(batch_size=1, threads=1)
    with an_agent(tmp_path) as first:
        eventually(lambda: knows(served, "killed"), "the agent tells what it was given")
        sweep = served.client.measure_accuracy(models=[MODEL], plan=plan, workload=workload, devices=["killed"])
        (job,) = sweep.jobs
        eventually(lambda: bool(served.client.accuracy(job.id).results), "a batch is stored")
        first.kill()
    with an_agent(tmp_path):
        eventually(lambda: served.client.sweep(sweep.id).ended, "another agent ends the job")

    view, fences = served.client.accuracy(job.id), fences_of(served, job.id)
    assert view.job_state is JobState.DONE
    assert view.unpruned is not None
    assert view.unpruned.images == IMAGES == len(fences)
    assert fences == sorted(fences), "the second attempt goes on where the first ended"
    assert set(fences) == {1, 2}


def fences_of(served: Served, job_id: int) -> list[int]:
    """The attempt that counted each batch of images, in order."""
    with served.orchestrator.database.read() as session:
        wanted = sa.select(Tally.fence).where(Tally.job_id == job_id, Tally.place == 0).order_by(Tally.number)
        return list(session.scalars(wanted))


def test_images_that_changed_or_went_away_fail_the_job_and_say_so(
    served: Served, given: Trained, learned: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(given.images, tmp_path / "images")
    give_images(learned, "moved", moved)
    eventually(lambda: knows(served, "learned", "moved"), "the agent tells what it was given")
    plan = AccuracyPlan(dataset="moved", tokens=(50,))
    next(moved.glob("3/*.png")).unlink()
    changed = measured(served, plan, "learned")
    told = served.client.measure_accuracy(models=[MODEL], plan=plan, workload=WORKLOAD, devices=["learned"])
    Register(learned / "agent").remove_dataset("moved")
    eventually(lambda: served.client.sweep(told.id).ended, "the job without images ends")
    (gone,) = served.client.sweep(told.id).jobs
    eventually(lambda: not knows(served, "learned", "moved"), "the agent tells that it is gone")

    for job, words in ((changed, "are others than when"), (gone, "dataset moved")):
        assert job.state is JobState.FAILED
        assert job.failure is not None
        assert job.failure.reason is FailureReason.DATA_UNUSABLE
        assert words in job.failure.message
        assert "stepfarm-agent dataset add moved" in job.failure.advice
    with pytest.raises(Refused, match="learned has no dataset moved"):
        served.client.measure_accuracy(models=[MODEL], plan=plan, workload=WORKLOAD, devices=["learned"])


def test_the_demo_gives_this_machine_what_a_model_learned_and_prints_its_front(
    served: Served, given: Trained, learned: Path
) -> None:
    # What an earlier demo trained is taken as it is.
    kept = served.settings.orchestrator_home / "digits"
    shutil.copytree(given.images, kept / "images")
    shutil.copy(given.weights, kept / given.weights.name)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as agent:
        at_work = DeviceAtWork("learned", agent, learned / "agent.log")
        stop = threading.Event()
        front = measured_front(served.settings, served.client, DemoDevice(learned), at_work, epochs=1, stop=stop)
        agent.kill()

    assert front is not None
    assert f"Top-1 as measured on {IMAGES} images that it never saw" in front
    rows = [line.split() for line in front.splitlines() if line.startswith(("unpruned", "one-more", "top-k"))]
    assert [row[1] for row in rows][:3] == ["101", "91", "81"]
    assert len(rows) == 1 + 2 * 8
    assert all(0 <= float(row[2]) <= 100 for row in rows)
    assert all(float(row[6]) > 0 for row in rows), "a latency is predicted"
    assert f"http://127.0.0.1:{served.settings.dashboard_port}/schedules?curves=" in front


def test_accuracy_is_measured_eagerly_alone(served: Served) -> None:
    with pytest.raises(Refused, match="with the runtime eager, not compile-static"):
        served.client.measure_accuracy(
            models=[MODEL], plan=AccuracyPlan(dataset=DATASET), workload=Workload(runtime=Runtime.COMPILE_STATIC)
        )


def test_a_schedule_that_does_not_fit_the_model_fails_the_job_and_images_alone_have_no_accuracy(
    served: Served, given: Trained, learned: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for number, image in enumerate(sorted(given.images.glob("*/*.png"))[:12]):
        shutil.copy(image, alone / f"{number}.png")
    give_images(learned, "alone", alone)
    strange = Schedule.pruned_once(Method.EVIT, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=99)
    eventually(lambda: knows(served, "learned", "alone"), "the agent tells what it was given")
    refused = measured(served, AccuracyPlan(dataset="alone", tokens=(50,), schedules=(strange,)), "learned")
    job = measured(served, AccuracyPlan(dataset="alone", tokens=(50,)), "learned")

    assert refused.failure is not None
    assert refused.failure.reason is FailureReason.SCHEDULE_REFUSED
    assert "for a model of 12 blocks, and this one has 6" in refused.failure.message
    plain, pruned = served.client.accuracy(job.id).results
    assert (plain.top_1, pruned.top_1, pruned.images) == (None, None, 12)
    assert pruned.divergence.value > 0
