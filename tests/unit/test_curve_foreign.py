"""A curve that somebody else measured: what must be said of it, and what its model's name tells."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from agent.wire.codec import WireError
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import Processor, Workload
from orchestrator.curves.csv_readings import CsvReadings, read_csv
from orchestrator.curves.file import CurveFile
from orchestrator.curves.foreign import Said, curve_of
from orchestrator.errors import BadFile

NOW_MS = 1_770_000_000_000
SAID = Said(
    device="their-orin",
    kind=DeviceKind.JETSON,
    model="deit_base_distilled_patch16_384",
    workload=Workload(batch_size=8, threads=6),
)


def readings(text: str = "tokens,latency_ns\n578,90\n100,50\n100,51\n") -> CsvReadings:
    return read_csv(io.BytesIO(text.encode()), "their.csv")


def curve(said: Said = SAID, text: str | None = None) -> CurveFile:
    return curve_of(readings() if text is None else readings(text), said, source="their.csv", now_ms=NOW_MS)


def test_what_the_model_is_made_of_is_read_from_its_name() -> None:
    facts = curve().facts

    assert (facts.tokens, facts.prefix_tokens, facts.blocks, facts.image_size) == (578, 2, 12, 384)
    assert (facts.threads, facts.runtime_version) == (6, "not recorded")


def test_what_is_said_goes_before_what_the_name_says() -> None:
    said = replace(SAID, tokens=600, prefix_tokens=3, blocks=7, workload=Workload(image_size=400, threads=1))

    facts = curve(said).facts

    assert (facts.tokens, facts.prefix_tokens, facts.blocks, facts.image_size) == (600, 3, 7, 400)


def test_the_largest_count_is_taken_for_the_full_model() -> None:
    assert curve(text="tokens,latency_ns\n100,50\n90,51\n").facts.tokens == 100


def test_a_name_that_says_nothing_needs_more_said() -> None:
    said = replace(SAID, model="my_vit", blocks=12)

    with pytest.raises(BadFile, match="my_vit does not tell") as refusal:
        curve(said)

    assert refusal.value.advice == "Say so: --prefix-tokens N --image-size N"
    known = replace(said, prefix_tokens=1, workload=Workload(image_size=224, threads=1))
    assert curve(known).model == "my_vit"


def test_it_says_where_it_came_from_and_that_nobody_knows_the_conditions() -> None:
    file = curve()

    assert (file.source, file.origin, file.description, file.created_ms) == ("their.csv", None, None, NOW_MS)
    assert {one.before.gaps for one in file.passes} == {("the file records no conditions",)}


def test_readings_of_a_simulated_device_never_go_under_a_real_one() -> None:
    text = "tokens,latency_ns,simulated\n578,90,true\n"

    with pytest.raises(BadFile, match="never go under a real one") as refusal:
        curve(text=text)

    assert "--kind simulated" in refusal.value.advice
    assert curve(replace(SAID, kind=DeviceKind.SIMULATED), text).simulated


def test_a_full_model_of_fewer_tokens_than_were_measured_is_refused() -> None:
    with pytest.raises(BadFile, match="578 tokens, more than the 500") as refusal:
        curve(replace(SAID, tokens=500))

    assert "--tokens" in refusal.value.advice


def test_on_how_many_threads_a_processor_worked_must_be_said() -> None:
    with pytest.raises(BadFile, match="how many threads") as refusal:
        curve(replace(SAID, workload=Workload()))

    assert "--threads N" in refusal.value.advice
    assert curve(replace(SAID, workload=Workload(processor=Processor.CUDA))).facts.threads == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"device": "my box"}, "device"), ({"model": "hf-hub:a/b", "blocks": 1, "prefix_tokens": 1}, "model")],
)
def test_what_is_out_of_its_range_is_told_by_the_field(wrong: dict[str, object], field: str) -> None:
    said = replace(SAID, workload=Workload(image_size=224, threads=1), **wrong)  # type: ignore[arg-type]

    with pytest.raises(WireError) as refusal:
        curve(said)

    assert refusal.value.path == field
