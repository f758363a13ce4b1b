from __future__ import annotations

from agent.errors import OrchestratorAway
from agent.outage import Outage

AWAY = OrchestratorAway("The orchestrator is not ready: the database does not answer.", "Wait.")


def test_an_outage_is_told_once_and_its_end_once_each_time() -> None:
    told: list[str] = []
    outage = Outage(told.append)
    for _ in range(2):
        outage.over()
        outage.noticed(AWAY)
        outage.noticed(AWAY)
        outage.over()
        outage.over()
    away, back = told[:2]
    assert told == [away, back, away, back]
    assert away.startswith(AWAY.message)
    assert "what is measured is kept" in away
    assert back == "The orchestrator answers again."
