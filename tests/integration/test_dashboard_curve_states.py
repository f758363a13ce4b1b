"""The curve page where a curve is not what it usually is: without readings, or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import places
from tests.support.curve_files import a_curve_file
from tests.support.filling import begun, enrolled, sealed
from tests.support.pages import links, opened, words
from tests.support.serving import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as running:
        yield running


def test_a_curve_without_a_reading_yet_leaves_no_hole_and_is_not_doubted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begun(enrolled(served.url, served.client, "bench-pi"), served.client)
    app = opened(monkeypatch, served, places.CURVES, curve=job.curve_id)
    assert [metric.value for metric in app.metric] == ["—", "—", "—", "0"]
    assert "No reading was accepted yet" in words(app)
    assert "Reasons to doubt" not in words(app)


def test_an_imported_curve_says_so_and_takes_nothing_from_a_device_of_the_same_name(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(served.url, served.client, "orin")
    curve = sealed(served.client, served.client.import_curve(a_curve_file()).curve.id)
    app = opened(monkeypatch, served, places.CURVES, curve=curve.summary.id)
    assert any(info.value.startswith("**Imported 2") for info in app.info)
    assert "none here" in words(app)
    assert "Raspberry Pi 5" not in words(app)
    assert any("orin (imported)" in option for option in app.selectbox[0].options)
    assert links(app)["Its schedules"] == f"/schedules?curves={curve.summary.id}"
