"""The options that say what a model is run with, and how it is measured: the same for a sweep and for this machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from agent.wire.jobs import DataType, Processor, Runtime, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.counting import counted

E = TypeVar("E", bound=Enum)


def take_workloads(command: argparse.ArgumentParser, *, several: bool = True, batch: int = 1) -> None:
    """Let ``command`` take batch sizes, or one where not ``several`` are meant, and the rest of the workload.

    Args:
        batch: the batch size where none is named.
    """
    words = f"batch size{'s' if several else ''} (default: {batch})"
    command.add_argument("--batch", type=int, nargs="+" if several else 1, default=[batch], metavar="N", help=words)
    command.add_argument("--image-size", type=int, metavar="PIXELS", help="height and width (default: the model's own)")
    command.add_argument(
        "--data-type", type=one_of(DataType), default=DataType.FLOAT32, help=choices(DataType), metavar="TYPE"
    )
    command.add_argument(
        "--runtime", type=one_of(Runtime), default=Runtime.EAGER, help=choices(Runtime), metavar="RUNTIME"
    )
    command.add_argument(
        "--processor", type=one_of(Processor), default=Processor.CPU, help=choices(Processor), metavar="PROCESSOR"
    )
    command.add_argument("--threads", type=int, metavar="N", help="threads (default: all cores that it may use)")


def workloads(options: argparse.Namespace) -> list[Workload]:
    """The workloads that ``options`` ask for, one a batch size."""
    return [
        Workload(
            batch_size=batch,
            image_size=options.image_size,
            data_type=options.data_type,
            runtime=options.runtime,
            processor=options.processor,
            threads=options.threads,
        )
        for batch in options.batch
    ]


def take_plan(command: argparse.ArgumentParser) -> None:
    """Let ``command`` take how to measure."""
    default = Plan()
    command.add_argument(
        "--passes",
        type=int,
        default=default.passes,
        metavar="N",
        help=f"readings a count gets, about: a search gives most fewer (default: {default.passes})",
    )
    command.add_argument(
        "--exhaustive", action="store_true", help="measure every count in all passes, instead of searching for steps"
    )
    command.add_argument(
        "--narrowest",
        type=int,
        default=default.narrowest,
        metavar="N",
        help=f"the search finds plateaus of so many tokens; fewer cost more (default: {default.narrowest})",
    )
    command.add_argument(
        "--no-confirm",
        dest="confirm",
        action="store_false",
        help="leave steps candidates: do not time them in pairs, 10 to 30 a step",
    )
    command.add_argument(
        "--budget-seconds", type=float, metavar="S", help="measure for so long at most, and say what is unsure"
    )
    command.add_argument("--budget-readings", type=int, metavar="N", help="take so many readings at most, likewise")
    command.add_argument("--min-tokens", type=int, metavar="N", help="measure no fewer tokens than these")
    command.add_argument("--max-tokens", type=int, metavar="N", help="measure no more, but for the untouched model")
    command.add_argument("--stride", type=int, default=default.stride, metavar="N", help="every Nth count (default: 1)")
    command.add_argument(
        "--blocks",
        action="store_true",
        help="time the blocks in place afterwards, as long again: what schedules are predicted from (eager alone)",
    )
    command.add_argument("--seed", type=int, default=default.seed, metavar="N", help="gives the order (default: 0)")


def plan(options: argparse.Namespace) -> Plan:
    """The plan that ``options`` ask for."""
    return Plan(
        passes=options.passes,
        min_tokens=options.min_tokens,
        max_tokens=options.max_tokens,
        stride=options.stride,
        seed=options.seed,
        blocks=options.blocks,
        exhaustive=options.exhaustive,
        narrowest=options.narrowest,
        confirm=options.confirm,
        budget_s=options.budget_seconds,
        budget_readings=options.budget_readings,
    )


def one_of(kind: type[E]) -> Callable[[str], E]:
    """What reads the value of an option that names a member of ``kind``."""

    def read(text: str) -> E:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is none of: {choices(kind)}") from None

    return read


def choices(kind: type[Enum]) -> str:
    """The values of ``kind``, for a reader."""
    return ", ".join(str(member.value) for member in kind)


def title_of(model: str, workload: Workload, device: str) -> str:
    """What a curve is of, in one line."""
    batch, *rest = _in_parts(workload)
    always = [workload.data_type.value, workload.runtime.value]
    parts = [model, batch, *always, *(part for part in rest if part not in always)]
    return f"{', '.join(parts)} on {device}"


def in_short(workload: Workload) -> str:
    """The workload as far as it is not the usual: what a job is told from its neighbours by."""
    return ", ".join(_in_parts(workload))


def _in_parts(workload: Workload) -> list[str]:
    usual = Workload()
    parts = [f"batch {workload.batch_size}"]
    for chosen, normal in (
        (workload.data_type, usual.data_type),
        (workload.runtime, usual.runtime),
        (workload.processor, usual.processor),
    ):
        if chosen is not normal:
            parts.append(chosen.value)
    if workload.image_size is not None:
        parts.append(f"{workload.image_size} px")
    if workload.threads is not None:
        parts.append(counted(workload.threads, "thread"))
    return parts
