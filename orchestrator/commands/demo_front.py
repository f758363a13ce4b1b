"""The demo's true front of accuracy and latency: a small model learns digits here, and both are measured here."""

from __future__ import annotations

import importlib.util
import shlex
import threading
from typing import TYPE_CHECKING

from agent.clock import SystemClock
from agent.config import Settings
from agent.errors import StepfarmError
from agent.wire.jobs import Workload
from agent.wire.schedules import Method
from orchestrator import programs
from orchestrator.commands.demo_devices import AGENT, DemoDevice, DeviceAtWork

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.views import AccuracyView, CurveView, SweepView

TRAINING = "agent.vit.digits"
MODEL = "test_vit"
DATASET = "demo-digits"
EPOCHS = 30
PASSES = 5
METHODS = (Method.ONE_MORE, Method.TOP_K)
TOLD_WITHIN_S = 60.0
LOOK_EVERY_S = 0.5


def can_learn() -> bool:
    """Whether the digits are there: they come with scikit-learn."""
    return importlib.util.find_spec("sklearn") is not None


def measured_front(
    settings: Settings, client: Client, device: DemoDevice, agent: DeviceAtWork, *, epochs: int, stop: threading.Event
) -> str | None:
    """Train, give this machine what came of it, measure accuracy and latency; the front in words, None where stopped.

    Args:
        settings: whose state directory keeps weights and images; those of an earlier demo are taken as they are.
        client: the operator's.
        device: this machine, and ``agent``, who works for it.
        epochs: how often the model sees every digit.
        stop: ends it early.

    Raises:
        StepfarmError: the training failed, or the agent did not take or tell what it was given.
    """
    _give(settings, device, epochs=epochs, stop=stop)
    if stop.is_set() or not _told(client, agent, stop):
        return None
    from orchestrator.analysis.planning import Plan
    from orchestrator.analysis.trials import AccuracyPlan

    timed = client.create_sweep(
        models=[MODEL],
        workloads=[Workload(threads=1)],
        devices=[agent.name],
        plan=Plan(passes=PASSES, exhaustive=True, confirm=False, blocks=True),
    )
    tried = client.measure_accuracy(
        models=[MODEL], plan=AccuracyPlan(dataset=DATASET, methods=METHODS), devices=[agent.name]
    )
    latency, accuracy = (_followed(client, sweep.id, agent, stop) for sweep in (timed, tried))
    if not (latency and accuracy):
        return None
    curve_id = latency.jobs[0].curve_id
    assert curve_id is not None  # it is done
    return front_in_words(client.curve(curve_id), client.accuracy(accuracy.jobs[0].id), settings)


def _give(settings: Settings, device: DemoDevice, *, epochs: int, stop: threading.Event) -> None:
    folder = settings.orchestrator_home / "digits"
    weights = folder / f"{MODEL}.safetensors"
    if not weights.exists():
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "training.log"
        training = programs.start(settings, log, TRAINING, str(folder), "--epochs", str(epochs))
        try:
            while training.poll() is None and not stop.wait(LOOK_EVERY_S):
                pass
        finally:
            programs.end(training)
        if stop.is_set():
            return
        if training.returncode != 0:
            raise StepfarmError("The small model could not be trained.", f"See {log}.")
    for words in (
        ("weights", "add", MODEL, str(weights)),
        ("dataset", "add", DATASET, str(folder / "images")),
    ):
        ended = programs.run(settings, AGENT, *words, home=device.home)
        if ended.returncode != 0:
            raise StepfarmError(
                f"This machine did not take what the small model learned: stepfarm-agent {shlex.join(words)}",
                ended.stderr.strip().removeprefix("stepfarm-agent: "),
            )


def _told(client: Client, agent: DeviceAtWork, stop: threading.Event) -> bool:
    """Whether the orchestrator has heard from the agent what it was given; False where stopped meanwhile."""
    for _ in range(int(TOLD_WITHIN_S / LOOK_EVERY_S)):
        if client.device(agent.name).description.holdings.dataset(DATASET) is not None:
            return True
        if stop.wait(LOOK_EVERY_S):
            return False
    raise StepfarmError(f"{agent.name} did not tell what it was given.", f"See {agent.log}.")


def _followed(client: Client, sweep_id: int, agent: DeviceAtWork, stop: threading.Event) -> SweepView | None:
    """The sweep of one job once that is done; None, and cancelled where it goes on, where it is not."""
    from orchestrator.commands.watching import follow
    from orchestrator.jobs.states import JobState

    ended = follow(client, sweep_id, clock=SystemClock(), stop=stop, going=lambda: agent.going)
    if not ended.ended:
        client.cancel_sweep(sweep_id)
    return ended if all(job.state is JobState.DONE for job in ended.jobs) else None


def front_in_words(curve: CurveView, accuracy: AccuracyView, settings: Settings) -> str:
    """Every schedule that was tried: its top-1 as measured, its latency as predicted on this machine."""
    from tabulate import tabulate

    from orchestrator.commands.accuracy import percent
    from orchestrator.measured_accuracy import traded
    from orchestrator.report import milliseconds

    rows = [
        (
            "unpruned" if one.schedule is None else one.schedule.method.value,
            curve.summary.facts.tokens if one.schedule is None else one.schedule.leaving[-1],
            percent(one.accuracy.top_1),
            "-" if one.latency is None else milliseconds(one.latency.latency_ns),
            "" if one.schedule is None or one.latency is None else f"{one.latency.saves_percent:.1f} %",
        )
        for one in traded(curve, accuracy)
    ]
    page = f"schedules?curves={curve.summary.id}&job={accuracy.job_id}"
    return "\n".join(
        [
            f"Accuracy and latency of {MODEL}, which learned digits here",
            f"Top-1 as measured on {accuracy.dataset.images} images that it never saw, with 95 % intervals; the",
            "latency of one image as predicted from the blocks of the model, timed on this machine.",
            "",
            tabulate(rows, ("schedule", "tokens", "top-1 %", "latency", "saves"), disable_numparse=True),
            "",
            f"Its front: http://127.0.0.1:{settings.dashboard_port}/{page}",
        ]
    )
