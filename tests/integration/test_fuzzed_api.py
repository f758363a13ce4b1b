"""Requests made from the OpenAPI description, as each role sends them. `make fuzz` sends more of them."""

from __future__ import annotations

from pathlib import Path

from tests.support.fuzzing import a_target, fuzz
from tests.support.serving import serving


def test_nothing_that_any_role_can_send_is_answered_by_5xx(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        found = fuzz(a_target(served), examples=2, start=0)

    assert found.broken == []
    assert {200, 401, 403, 404, 422} <= set(found.statuses)
