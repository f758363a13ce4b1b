"""Logs for people and for programs: the orchestrator's file, and what an agent prints."""

from __future__ import annotations

import json
import logging

import pytest

from agent.config import LogFormat
from agent.telling import teller
from orchestrator.logs import FORMATTERS
from tests.support.clocks import ManualClock

MOMENT = "2025-10-09T08:53:20Z"


def a_record(**about: object) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {
            "name": "orchestrator.jobs",
            "levelname": "WARNING",
            "msg": "the lease on job %d ran out",
            "args": (7,),
            **about,
        }
    )
    record.created = 1_760_000_000
    return record


def test_a_line_of_the_log_says_when_how_bad_where_and_what() -> None:
    line = FORMATTERS[LogFormat.TEXT]().format(a_record())
    assert line == f"{MOMENT} WARNING orchestrator.jobs: the lease on job 7 ran out"


def test_a_line_of_json_says_which_job_and_device_too() -> None:
    line = FORMATTERS[LogFormat.JSON]().format(a_record(job=7, device=2))
    assert json.loads(line) == {
        "time": MOMENT,
        "level": "WARNING",
        "logger": "orchestrator.jobs",
        "message": "the lease on job 7 ran out",
        "job": 7,
        "device": 2,
    }


def test_what_went_wrong_stays_within_its_line_of_json() -> None:
    error = ValueError("two\nlines")
    record = a_record(exc_info=(ValueError, error, None))
    line = FORMATTERS[LogFormat.JSON]().format(record)
    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


@pytest.mark.parametrize(("line", "job"), [("Job 12: done.", 12), ("The orchestrator answers again.", None)])
def test_an_agent_tells_in_json_which_device_and_which_job(
    capsys: pytest.CaptureFixture[str], line: str, job: int | None
) -> None:
    teller(LogFormat.JSON, device="pi-5", clock=ManualClock())(line)
    teller(LogFormat.TEXT, device="pi-5", clock=ManualClock())(line)
    as_json, plain = capsys.readouterr().out.splitlines()
    told = json.loads(as_json)
    assert (told["time"], told["device"], told["message"], told.get("job")) == (MOMENT, "pi-5", line, job)
    assert plain == line
