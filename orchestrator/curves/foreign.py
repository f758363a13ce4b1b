"""A curve that somebody else measured: readings without more, and what a person says they are of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.errors import MeasurementFailed
from agent.measure.simulated.models import model_named
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import ModelFacts, Processor, Workload
from orchestrator.curves.csv_readings import CsvReadings
from orchestrator.curves.file import CurveFile
from orchestrator.errors import BadFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says of readings. What is None is taken from the model's name, ``tokens`` from the readings."""

    device: str
    kind: DeviceKind
    model: str
    workload: Workload
    tokens: int | None = None
    prefix_tokens: int | None = None
    blocks: int | None = None


def curve_of(readings: CsvReadings, said: Said, *, source: str, now_ms: int) -> CurveFile:
    """The curve that ``readings`` are, as it is imported. When they were measured nobody knows: ``now_ms`` stands in.

    Raises:
        BadFile: the readings are simulated and not said to be, or what they are of cannot be told.
        WireError: what was said is out of its range; the field is named like the option that said it.
    """
    if readings.simulated and said.kind is not DeviceKind.SIMULATED:
        raise BadFile(
            f"{source} holds readings of a simulated device, which never go under a real one.",
            f"Say so: --kind {DeviceKind.SIMULATED.value}.",
        )
    if said.workload.threads is None and said.workload.processor is Processor.CPU:
        raise BadFile(f"Nothing says on how many threads {source} was measured.", "Say so: --threads N.")
    return CurveFile(
        source=source[-200:],
        origin=None,
        device=said.device,
        device_kind=said.kind,
        description=None,
        model=said.model,
        workload=said.workload,
        facts=_facts(readings, said, source),
        created_ms=now_ms,
        passes=tuple(replace(one, started_ms=now_ms) for one in readings.passes),
    )


def _facts(readings: CsvReadings, said: Said, source: str) -> ModelFacts:
    prefix_tokens, blocks, image_size = _structure(said)
    most = max(max(one.tokens) for one in readings.passes)
    if said.tokens is not None and said.tokens < most:
        raise BadFile(
            f"{source} has a reading of {most} tokens, more than the {said.tokens} of the full model.",
            "Correct --tokens: it counts class and register tokens in.",
        )
    return ModelFacts(
        tokens=most if said.tokens is None else said.tokens,
        prefix_tokens=prefix_tokens,
        blocks=blocks,
        image_size=image_size,
        threads=said.workload.threads or 1,
        runtime_version="not recorded",
    )


def _structure(said: Said) -> tuple[int, int, int]:
    """Prefix tokens, blocks and image size, as said, else as the name of the model has them."""
    given = (said.prefix_tokens, said.blocks, said.workload.image_size)
    prefix_tokens, blocks, image_size = given
    if prefix_tokens is not None and blocks is not None and image_size is not None:
        return prefix_tokens, blocks, image_size
    try:
        named = model_named(said.model, image_size)
    except MeasurementFailed:
        options = ("--prefix-tokens", "--blocks", "--image-size")
        missing = [option for option, value in zip(options, given, strict=True) if value is None]
        raise BadFile(
            f"The name {said.model} does not tell what the model is made of.", f"Say so: {' N '.join(missing)} N"
        ) from None
    return (
        named.prefix_tokens if prefix_tokens is None else prefix_tokens,
        named.blocks if blocks is None else blocks,
        named.image_size,
    )
