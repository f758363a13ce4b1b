from __future__ import annotations

from pathlib import Path

import pytest

from agent.client import OrchestratorClient
from agent.errors import OrchestratorAway, Refused
from agent.untold import Untold
from agent.wire.jobs import Done, Ending, EndReport
from tests.support.scripted_orchestrator import AWAY, Said, refused, said, scripted

REPORT = EndReport(fence=3, ending=Ending.GIVEN_BACK)
OVER = refused(409, "lease-lost")


def told(home: Path, answer: Said, *, times: int = 1) -> list[tuple[str, EndReport]]:
    """What an orchestrator that answers so is told, when it is told so many times."""
    with scripted(lambda _asked: answer) as orchestrator:
        for _ in range(times):
            Untold(home).tell(OrchestratorClient(orchestrator.url, "sfd_key"))
    return [(asked.path, asked.message(EndReport)) for asked in orchestrator.asked]


@pytest.mark.parametrize("answer", [said(Done()), OVER], ids=["heard", "lease over"])
def test_an_ending_is_told_by_the_next_process_until_it_was_heard_once(tmp_path: Path, answer: Said) -> None:
    Untold(tmp_path).keep(7, REPORT)
    assert told(tmp_path, answer, times=2) == [("/v1/jobs/7/end", REPORT)]


def test_an_ending_stays_while_the_orchestrator_is_away(tmp_path: Path) -> None:
    Untold(tmp_path).keep(7, REPORT)
    with pytest.raises(OrchestratorAway):
        told(tmp_path, AWAY)
    assert told(tmp_path, said(Done())) == [("/v1/jobs/7/end", REPORT)]


def test_an_ending_stays_where_the_key_is_not_good_any_more(tmp_path: Path) -> None:
    Untold(tmp_path).keep(7, REPORT)
    with pytest.raises(Refused):
        told(tmp_path, refused(401, "not-signed-in"))
    assert len(told(tmp_path, said(Done()))) == 1


def test_nothing_is_told_where_nothing_is_kept(tmp_path: Path) -> None:
    Untold(tmp_path).keep(7, REPORT)
    Untold(tmp_path).forget()
    assert told(tmp_path, said(Done())) == []


def test_a_damaged_note_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "untold.json").write_text("{")
    assert told(tmp_path, said(Done())) == []
    assert not (tmp_path / "untold.json").exists()


def test_a_disk_that_takes_no_note_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    Untold(tmp_path / "home").keep(7, REPORT)
    assert told(tmp_path / "home", said(Done())) == []
