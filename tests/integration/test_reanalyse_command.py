"""``stepfarm curves reanalyse``: what a person types, what comes back, who may."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from orchestrator.analysis.analyse import METHOD_VERSION
from orchestrator.storage.tables import AnalysisResult, Curve
from tests.support.commands import Stepfarm
from tests.support.curve_files import a_curve_file
from tests.support.filling import enrolled, sealed
from tests.support.plain_http import ask, problem_of
from tests.support.serving import Served, serving


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An orchestrator, which commands find by themselves, with two curves."""
    with serving(tmp_path_factory.mktemp("farm")) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(running.settings.home))
        patch.setenv("STEPFARM_PORT", str(running.settings.port))
        for name in ("orin", "nano"):
            sealed(running.client, running.client.import_curve(a_curve_file(device=name)).curve.id)
        yield running


@pytest.fixture
def outdated(served: Served) -> list[int]:
    """All curves, with results of an older version alone."""
    with served.orchestrator.database.write() as session:
        session.execute(sa.delete(AnalysisResult).where(AnalysisResult.method_version != METHOD_VERSION))
        session.execute(sa.update(AnalysisResult).values(method_version=METHOD_VERSION - 1))
        return list(session.scalars(sa.select(Curve.id).order_by(Curve.id)))


def test_old_results_are_made_anew_and_the_progress_is_shown(
    stepfarm: Stepfarm, served: Served, outdated: list[int]
) -> None:
    ended = stepfarm("curves", "reanalyse")

    assert (ended.code, ended.out) == (0, f"2 curves analysed anew by version {METHOD_VERSION} of the method.\n")
    assert "2/2" in ended.err
    assert served.client.reanalysis().outdated == 0


def test_where_all_is_new_it_says_so(stepfarm: Stepfarm, served: Served, outdated: list[int]) -> None:
    stepfarm("curves", "reanalyse")

    assert stepfarm("curves", "reanalyse").out.startswith("Nothing to do: 2 curves, all analysed by version")


def test_one_curve_can_be_named(stepfarm: Stepfarm, served: Served, outdated: list[int]) -> None:
    view = json.loads(stepfarm("curves", "reanalyse", str(outdated[0]), "--json").out)

    assert (view["current"], view["outdated"], view["waiting"], view["failures"]) == (1, 1, 0, [])


def test_all_can_be_asked_for_whatever_their_version(stepfarm: Stepfarm, served: Served, outdated: list[int]) -> None:
    stepfarm("curves", "reanalyse")

    assert stepfarm("curves", "reanalyse", "--all").out.startswith("2 curves analysed anew")


def test_a_curve_that_cannot_be_analysed_is_named_and_fails_the_command(
    stepfarm: Stepfarm, served: Served, outdated: list[int]
) -> None:
    with served.orchestrator.database.write() as session:
        rusty = session.get_one(Curve, outdated[0])
        readings, rusty.blob = rusty.blob, b"rust"
    try:
        ended = stepfarm("curves", "reanalyse")
        elsewhere = stepfarm("curves", "reanalyse", str(outdated[1]))
    finally:
        with served.orchestrator.database.write() as session:
            session.get_one(Curve, outdated[0]).blob = readings
        mended = stepfarm("curves", "reanalyse", str(outdated[0]))

    assert ended.code == 1
    assert "1 curve analysed anew" in ended.out
    assert f"curve {outdated[0]}: Its stored readings cannot be read" in ended.out
    assert (elsewhere.code, mended.code) == (0, 0)


def test_a_curve_that_is_not_there_is_refused(stepfarm: Stepfarm, served: Served) -> None:
    assert "There is no curve 99" in stepfarm.refused("curves", "reanalyse", "99")


def test_curves_by_number_and_all_at_once_are_refused(stepfarm: Stepfarm, served: Served) -> None:
    assert "not allowed with" in stepfarm.refused("curves", "reanalyse", "1", "--all")
    answer = ask(served.url, "POST", "/v1/analyses", key=served.operator_key, body={"curves": [1], "everything": True})
    assert (answer.status, problem_of(answer).type) == (422, "not-a-message")


def test_a_device_may_not_ask(served: Served) -> None:
    device = enrolled(served.url, served.client, "board")
    for method, body in (("GET", None), ("POST", {})):
        answer = ask(served.url, method, "/v1/analyses", key=device.key, body=body)
        assert (answer.status, problem_of(answer).type) == (403, "not-allowed")
