"""What a schedule may be given as, and what is refused before any model is touched."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from agent.errors import ScheduleRefused
from agent.wire.codec import encode, to_plain
from agent.wire.schedule_files import Ratio, read_schedule
from tests.support.schedule_files import FILE, ONCE, PROOF


def test_a_schedule_is_given_as_itself_its_fields_or_an_exported_file(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    path.write_bytes(encode(FILE))
    bare = tmp_path / "bare.json"
    bare.write_bytes(encode(ONCE))

    assert read_schedule(ONCE) == (ONCE, None)
    assert read_schedule(to_plain(ONCE)) == (ONCE, None)
    assert read_schedule(bare) == (ONCE, None)
    for given in (FILE, to_plain(FILE), path, str(path)):
        assert read_schedule(given) == (ONCE, "deit_small_patch16_224")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"[1]", "must be an object"),
        (b"{}", "leaving: is missing"),
        (json.dumps({**to_plain(ONCE), "leaving": [197, 198]}).encode(), r"leaving\[1\]: must not be above the 197"),
        (json.dumps({**to_plain(ONCE), "leaving": [197, 1]}).encode(), r"leaving\[1\]: must be at least 3"),
        (json.dumps({**to_plain(FILE), "version": 2}).encode(), "version: must lie between 1 and 1"),
    ],
)
def test_a_file_that_holds_no_schedule_is_refused_with_the_place_in_it(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "schedule.json"
    path.write_bytes(content)

    with pytest.raises(ScheduleRefused, match=said) as refused:
        read_schedule(path)
    assert "docs/schedules.md" in refused.value.advice


def test_a_file_that_is_not_there_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ScheduleRefused, match=r"nowhere\.json cannot be read: No such file"):
        read_schedule(tmp_path / "nowhere.json")


def test_a_schedule_is_proved_when_it_surely_beats_the_plain_model_and_uniform_pruning() -> None:
    assert FILE.proved
    assert not dataclasses.replace(PROOF, against_plain=Ratio(ratio=0.99, low=0.98, high=1.0)).proved
    assert not dataclasses.replace(PROOF, against_uniform=Ratio(ratio=0.99, low=0.97, high=1.01)).proved
    assert dataclasses.replace(PROOF, uniform=None, against_uniform=None).proved
    assert not dataclasses.replace(FILE, proof=None).proved
