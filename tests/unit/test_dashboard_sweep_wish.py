from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from agent.wire.jobs import DataType, Runtime, Workload
from dashboard.sweep_wish import FIELDS, SUGGESTED, Wish, WishUnclear, batch_sizes, request
from orchestrator.analysis.planning import Plan
from orchestrator.views import SweepRequest
from tests.support.fleet_views import labels

WISH = Wish(
    models=["deit_tiny_patch16_224"],
    batches="1",
    devices=["bench-pi"],
    labels=(),
    workload=Workload(),
    passes=7,
    stride=1,
    min_tokens=None,
    max_tokens=None,
    blocks=False,
    priority=0,
)


def wish(**changes: Any) -> Wish:
    return dataclasses.replace(WISH, **changes)


def test_a_form_asks_for_every_model_at_every_batch_size_with_the_rest_of_the_workload() -> None:
    made = request(
        wish(
            models=["a", " b "],
            batches="4, 1",
            labels=labels("lab"),
            workload=Workload(threads=2, data_type=DataType.FLOAT16),
            stride=4,
            min_tokens=10,
            priority=5,
        )
    )
    assert made == SweepRequest(
        models=("a", "b"),
        workloads=tuple(Workload(batch_size=size, threads=2, data_type=DataType.FLOAT16) for size in (4, 1)),
        devices=("bench-pi",),
        labels=labels("lab"),
        plan=Plan(stride=4, min_tokens=10),
        priority=5,
    )


@pytest.mark.parametrize("text", ["1,4,8", "1 4 8", " 1; 4,, 8 ", "1,4,8,4"])
def test_batch_sizes_are_listed_as_people_list_things(text: str) -> None:
    assert batch_sizes(text) == (1, 4, 8)


@pytest.mark.parametrize("text", ["", " , ", "1, x", "1.5", "-1", "\N{SUPERSCRIPT THREE}", "9" * 5_000])
def test_what_lists_no_batch_sizes_is_refused(text: str) -> None:
    with pytest.raises(WishUnclear):
        batch_sizes(text)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"models": []}, "model"),
        ({"devices": []}, "device"),
        ({"batches": "1, x"}, "Batch sizes"),
        ({"batches": "5000"}, "Batch sizes"),
        ({"batches": "0"}, "Batch sizes"),
        ({"models": ["hf-hub:somebody/model"]}, "Models"),
        ({"models": ["a", "a "]}, "Models"),
        ({"min_tokens": 90, "max_tokens": 50}, "Fewest tokens"),
        ({"blocks": True, "workload": Workload(runtime=Runtime.COMPILE_STATIC)}, "Runtime"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_in_its_own_words(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(WishUnclear) as caught:
        request(wish(**changes))
    assert named in caught.value.message
    assert caught.value.advice


def test_what_is_suggested_could_be_queued() -> None:
    assert request(wish(models=list(SUGGESTED))).models == SUGGESTED


def test_the_form_has_a_name_for_everything_that_a_request_can_refuse() -> None:
    typed = {field.name for kind in (Plan, SweepRequest) for field in dataclasses.fields(kind)}
    assert typed - {"seed", "workloads", "plan"} <= set(FIELDS)
