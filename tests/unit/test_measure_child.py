from __future__ import annotations

import io
import subprocess
import sys

import pytest

from agent.measure import child
from agent.measure.child_protocol import Answer, Begin, Measure, Request
from agent.wire.codec import WireError, decode, encode
from agent.wire.jobs import FailureReason, Round, Runtime, Workload

ROUND = Round(number=0, tokens=(2,), sentinel=5, min_passes=1, max_passes=1, seed=0)


def answers_to(*lines: bytes) -> list[Answer]:
    answers = io.BytesIO()
    child.serve(io.BytesIO(b"".join(line + b"\n" for line in lines)), answers, child.ThisDevice())
    return [decode(Answer, line) for line in answers.getvalue().splitlines()]


def test_a_request_holds_exactly_one_wish() -> None:
    with pytest.raises(WireError, match="exactly one"):
        Request()
    with pytest.raises(WireError, match="exactly one"):
        Request(
            begin=Begin(model="test_vit", workload=Workload()),
            measure=Measure(round=ROUND, number=0),
        )


def test_an_answer_holds_exactly_one_outcome() -> None:
    with pytest.raises(WireError, match="exactly one"):
        Answer()


def test_what_cannot_be_measured_is_answered_with_its_reason() -> None:
    begin = Begin(model="test_vit", workload=Workload(runtime=Runtime.ONNXRUNTIME))
    (answer,) = answers_to(encode(Request(begin=begin)))
    assert answer.broken is not None
    assert answer.broken.reason is FailureReason.RUNTIME_MISSING


def test_a_line_that_is_no_request_is_answered_and_ends_the_child() -> None:
    (answer,) = answers_to(b"what?", b"what?")
    assert answer.broken is not None
    assert answer.broken.reason is FailureReason.INTERNAL


def test_an_unforeseen_error_is_told_with_the_place_where_it_was_raised() -> None:
    (answer,) = answers_to(encode(Request(measure=Measure(round=ROUND, number=0))))
    assert answer.broken is not None
    assert "RuntimeError in measure" in answer.broken.message
    assert "child.py" in answer.broken.message


def test_whatever_a_library_prints_goes_to_standard_error() -> None:
    program = (
        "import os, sys; from agent.measure.child import take_standard_streams\n"
        "requests, answers = take_standard_streams()\n"
        "print('noise', flush=True); os.write(1, b'more noise'); assert sys.stdin.read() == ''\n"
        "answers.write(requests.readline()); answers.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=b"frame\n", capture_output=True, check=True)
    assert done.stdout == b"frame\n"
    assert done.stderr == b"noise\nmore noise"


def test_the_parents_side_needs_neither_torch_nor_numpy() -> None:
    program = (
        "import sys, agent.measure.isolation, agent.measure.child, agent.measure.stopping, agent.measure.synthetic\n"
        "import agent.device.describe, agent.device.conditions, agent.device.doctor\n"
        "sys.exit(', '.join({'torch', 'timm', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.stderr.strip() == ""
