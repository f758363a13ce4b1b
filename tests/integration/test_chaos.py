"""A short form of ``make chaos``: agents, their children and the API killed, paused, cut off and out of room."""

from __future__ import annotations

from tests.support.chaos.run import chaos

KILLS = 4


def test_whatever_is_killed_cut_or_repeated_every_reading_is_stored_once_and_every_job_ends() -> None:
    ended = chaos(kills=KILLS, devices=2, seed=3)
    assert ended.verdict.clean, (ended.line(), ended.told)
    assert ended.kills >= KILLS
    assert ended.verdict.readings > 0
    assert sum(ended.connections.values()) > 0
