"""``stepfarm curves`` and ``stepfarm steps`` with an orchestrator: list, export, import, and the way round."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from agent.wire.enrolment import DeviceKind
from orchestrator.analysis.planning import Plan
from orchestrator.curves.file import CurveFile, read, stored_passes, write
from orchestrator.views import CurveView
from tests.support.commands import Stepfarm
from tests.support.curve_files import a_curve_file
from tests.support.filling import begun, enrolled, sealed
from tests.support.serving import Served, serving

FEW = Plan(exhaustive=True, confirm=False, passes=5, stride=8)


@pytest.fixture
def stepfarm(capsys: pytest.CaptureFixture[str]) -> Stepfarm:
    return Stepfarm(capsys)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An orchestrator that commands find by themselves."""
    with serving(tmp_path_factory.mktemp("farm")) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPFARM_HOME", str(running.settings.home))
        patch.setenv("STEPFARM_PORT", str(running.settings.port))
        yield running


@pytest.fixture(scope="module")
def measured(served: Served) -> CurveView:
    """A curve of a device that is there."""
    return begun(enrolled(served.url, served.client, "board"), served.client, plan=FEW).finish()


@pytest.fixture(scope="module")
def simulated(served: Served) -> CurveView:
    """A curve of a simulated device."""
    device = enrolled(served.url, served.client, "made-up", DeviceKind.SIMULATED)
    return begun(device, served.client, plan=FEW).finish()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Another orchestrator, which commands find instead."""
    with serving(tmp_path / "elsewhere") as running:
        monkeypatch.setenv("STEPFARM_HOME", str(running.settings.home))
        monkeypatch.setenv("STEPFARM_PORT", str(running.settings.port))
        yield running


def number(view: CurveView) -> str:
    return str(view.summary.id)


def test_a_curve_exported_as_json_and_imported_elsewhere_has_the_same_readings_and_steps(
    stepfarm: Stepfarm, measured: CurveView, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "curve.json"
    assert stepfarm("curves", "export", number(measured), "--output", str(file)).code == 0
    elsewhere: Served = request.getfixturevalue("elsewhere")

    taken = json.loads(stepfarm("curves", "import", str(file), "--json").out)

    (one,) = taken
    view = sealed(elsewhere.client, one["curve"]["id"])
    assert not one["known"]
    assert view.analysis == measured.analysis
    assert (view.summary.imported, view.summary.job_id, view.summary.sweep_id) == (True, None, None)
    assert (elsewhere.client.devices(), elsewhere.client.sweeps()) == ((), ())
    there = elsewhere.client.curve_file(view.summary.id)
    assert there.passes == read(file.read_bytes(), "").passes
    assert there.description == read(file.read_bytes(), "").description


def test_the_same_file_twice_is_one_curve(stepfarm: Stepfarm, served: Served, tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    file.write_text(write(a_curve_file(device="twice")))

    first = stepfarm("curves", "import", str(file), str(file))
    listed = json.loads(stepfarm("curves", "list", "--device", "twice", "--json").out)

    assert "curve " in first.out.splitlines()[0]
    assert f"here already as curve {listed[0]['id']}" in first.out.splitlines()[1]
    assert len(listed) == 1


def test_an_export_imported_where_it_came_from_is_the_curve_that_is_there(
    stepfarm: Stepfarm, measured: CurveView, tmp_path: Path
) -> None:
    file = tmp_path / "curve.json"
    stepfarm("curves", "export", number(measured), "--output", str(file))

    assert f"here already as curve {number(measured)}" in stepfarm("curves", "import", str(file)).out


def test_steps_of_a_stored_curve_are_those_of_its_exports(
    stepfarm: Stepfarm, measured: CurveView, tmp_path: Path
) -> None:
    stored = json.loads(stepfarm("steps", number(measured), "--json").out)
    assert stored["steps"]
    assert stored["passes"]["told_by"] == "curve"
    assert "board (linux)" in stepfarm("steps", number(measured)).out

    for ending in ("csv", "json"):
        file = tmp_path / f"curve.{ending}"
        stepfarm("curves", "export", number(measured), "--output", str(file))
        found = json.loads(stepfarm("steps", str(file), "--json").out)
        assert found["steps"] == stored["steps"]
        assert found["sweet_spots"] == stored["sweet_spots"]


def test_csv_goes_to_the_screen_with_a_row_a_reading(
    stepfarm: Stepfarm, measured: CurveView, simulated: CurveView
) -> None:
    rows = list(csv.DictReader(io.StringIO(stepfarm("curves", "export", number(measured), number(simulated)).out)))

    assert len(rows) == measured.summary.readings + simulated.summary.readings
    assert {(row["device"], row["kind"], row["simulated"]) for row in rows} == {
        ("board", "linux", "false"),
        ("made-up", "simulated", "true"),
    }
    assert {row["job"] for row in rows} == {str(measured.summary.job_id), str(simulated.summary.job_id)}


def test_parquet_is_what_pandas_reads(
    stepfarm: Stepfarm, measured: CurveView, simulated: CurveView, tmp_path: Path
) -> None:
    file = tmp_path / "both.parquet"

    said = stepfarm("curves", "export", number(measured), number(simulated), "--output", str(file))

    frame = pd.read_parquet(file)
    assert len(frame) == measured.summary.readings + simulated.summary.readings
    assert sorted(frame["simulated"].unique()) == [False, True]
    assert "2 curves" in said.out
    assert "simulated" in said.out


def test_a_directory_gets_a_file_a_curve(
    stepfarm: Stepfarm, measured: CurveView, simulated: CurveView, tmp_path: Path
) -> None:
    both = number(measured), number(simulated)

    written = json.loads(
        stepfarm("curves", "export", *both, "--format", "json", "--output", str(tmp_path), "--json").out
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"curve-{one}.json" for one in both)
    assert [one["simulated"] for one in written] == [False, True]
    assert json.loads((tmp_path / f"curve-{both[1]}.json").read_text())["device_kind"] == "simulated"


def test_a_file_that_is_there_stays_unless_it_is_forced(
    stepfarm: Stepfarm, measured: CurveView, tmp_path: Path
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("mine")

    said = stepfarm.refused("curves", "export", number(measured), "--output", str(file))
    kept = file.read_text()
    forced = stepfarm("curves", "export", number(measured), "--output", str(file), "--force")

    assert "--force" in said
    assert (kept, forced.code) == ("mine", 0)
    assert file.read_text().startswith("curve,device")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_a_curve_that_is_still_being_measured_is_exported_and_said_not_to_be_whole(
    stepfarm: Stepfarm, served: Served, tmp_path: Path
) -> None:
    job = begun(enrolled(served.url, served.client, "slow"), served.client, plan=FEW)
    nothing = stepfarm.refused("curves", "export", str(job.curve_id))
    job.post(0)

    ended = stepfarm("curves", "export", str(job.curve_id), "--format", "json")

    assert "no reading yet" in nothing
    assert f"curve {job.curve_id} is not whole: its job is leased" in ended.err
    assert len(json.loads(ended.out)["passes"]) == 1


def test_what_somebody_else_measured_becomes_a_curve_of_a_device_that_is_not_of_the_fleet(
    stepfarm: Stepfarm, served: Served, measured: CurveView, tmp_path: Path
) -> None:
    file = tmp_path / "their.csv"
    rows = (f"{tokens},{round(latency_ns)}" for tokens, latency_ns in zip(measured.tokens, measured.latency_ns))  # noqa: B905
    file.write_text("\n".join(["tokens,latency_ns", *rows]))
    fleet = [device.name for device in served.client.devices()]
    said = ("--device", "their-orin", "--kind", "jetson", "--model", "deit_small_patch16_224", "--threads", "6")

    taken = stepfarm("curves", "import", str(file), *said, "--batch", "4")

    (curve,) = json.loads(stepfarm("curves", "list", "--device", "their-orin", "--json").out)
    assert f"curve {curve['id']}, deit_small_patch16_224, batch 4" in taken.out
    assert "197 tokens, 1 of them prefix, 12 blocks, 224 px" in taken.out
    assert (curve["device_kind"], curve["workload"]["batch_size"]) == ("jetson", 4)
    assert curve["imported_ms"] is not None
    assert [device.name for device in served.client.devices()] == fleet
    assert stepfarm("curves", "import", str(file), *said, "--batch", "4").out.startswith(f"{file}: here already")


def test_lists_mark_simulated_and_imported_curves_and_can_leave_others_out(
    stepfarm: Stepfarm, served: Served, measured: CurveView, simulated: CurveView
) -> None:
    served.client.import_curve(a_curve_file(device="listed", model="vit_other"))

    def devices(*options: str) -> set[str]:
        return {one["device"] for one in json.loads(stepfarm("curves", "list", *options, "--json").out)}

    shown = stepfarm("curves", "list").out.splitlines()
    assert any("made-up" in line and "simulated" in line for line in shown)
    assert any("listed" in line and "imported" in line for line in shown)
    assert {"board", "made-up", "listed"} <= devices()
    assert devices("--device", "board") == {"board"}
    assert devices("--model", "vit_other") == {"listed"}
    assert "made-up" not in devices("--without-simulated")
    assert "stepfarm curves list" in stepfarm("curves", "list", "--device", "nobody").out


def test_showing_an_imported_curve_says_that_it_is(stepfarm: Stepfarm, served: Served) -> None:
    taken = served.client.import_curve(a_curve_file(device="shown"))

    shown = stepfarm("curves", "show", str(taken.curve.id)).out

    assert "shown (jetson, imported)" in shown
    assert "from: stepfarm 0.1.0, measured alone" in shown


def test_nothing_is_imported_where_one_of_the_files_is_none(stepfarm: Stepfarm, served: Served, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(write(a_curve_file(device="half-done")))
    bad.write_text("{}")

    assert "bad.json" in stepfarm.refused("curves", "import", str(good), str(bad))
    assert json.loads(stepfarm("curves", "list", "--device", "half-done", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("curves", "export", "999999"), "no curve 999999"),
        (("curves", "export", "0"), "nothing at this path"),
        (("curves", "export", "{curve}", "--format", "parquet"), "not for the screen"),
        (("curves", "export", "{curve}", "--json"), "both go to the screen"),
        (("curves", "export", "{curve}", "999999", "--format", "json"), "A JSON file holds one curve"),
        (("curves", "export", "{curve}", "--output", "{here}/missing/a.csv"), "There is no directory"),
        (("curves", "export", "{curve}", "--format", "xlsx"), "parquet"),
        (("curves", "export"), "ID"),
        (("curves", "import", "{here}/missing.json"), "cannot be read"),
        (("curves", "import", "{here}/their.csv"), "--device DEVICE --kind KIND --model MODEL"),
        (("curves", "import", "{here}/their.csv", "--device", "a", "--kind", "toaster"), "raspberry-pi"),
        (("curves", "import", "{here}/curve.json", "--device", "a", "--batch", "4"), "Leave out --device and the"),
        (("curves", "list", "--device", "no such name"), "device: must match"),
        (("steps", "999999"), "no curve 999999"),
        (("steps", "0"), "nothing at this path"),
    ],
)
def test_what_cannot_be_done_is_refused_with_advice(
    stepfarm: Stepfarm, measured: CurveView, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "their.csv").write_text("tokens,latency_ns\n5,50\n")
    (tmp_path / "curve.json").write_text(write(a_curve_file()))

    refusal = stepfarm.refused(*(one.format(curve=number(measured), here=tmp_path) for one in arguments))

    assert said in refusal


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"--device": "my box"}, "--device: must match"),
        ({"--batch": "0"}, "--batch: must lie between"),
        ({"--threads": "0"}, "--threads: must lie between"),
        ({"--prefix-tokens": "197"}, "--prefix-tokens: must be fewer than all tokens"),
        ({"--tokens": "100"}, "more than the 100 of the full model"),
        ({"--model": "unheard_of"}, "--prefix-tokens N --blocks N --image-size N"),
    ],
)
def test_what_is_said_wrongly_of_a_csv_file_is_told_by_its_option(
    stepfarm: Stepfarm, served: Served, tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    (tmp_path / "their.csv").write_text("tokens,latency_ns\n197,50\n")
    about = {"--device": "a", "--kind": "linux", "--model": "deit_tiny_patch16_224", "--threads": "1", **wrong}

    arguments = [argument for pair in about.items() for argument in pair]

    assert said in stepfarm.refused("curves", "import", str(tmp_path / "their.csv"), *arguments)


def test_the_largest_curve_that_is_measured_can_be_taken_away_and_brought_in(served: Served) -> None:
    largest = a_largest_file()

    taken = served.client.import_curve(largest)

    assert taken.curve.readings == largest.readings > 400_000
    there = served.client.curve_file(taken.curve.id)
    assert [one.latency_ns.tolist() for one in stored_passes(there.passes)] == [
        one.latency_ns.tolist() for one in stored_passes(largest.passes)
    ]


def a_largest_file() -> CurveFile:
    """100 passes over 4,096 counts, with their sentinels."""
    small = a_curve_file(device="largest")
    tokens = tuple(range(1, 4_097)) + (4_096,) * 137
    count = len(tokens)
    passes = tuple(
        replace(
            small.passes[0],
            number=number,
            tokens=tokens,
            start_ns=tuple(10**15 + 10**8 * position for position in range(count)),
            latency_ns=tuple(10**8 + 997 * position + number for position in range(count)),
            rejected=("",) * count,
        )
        for number in range(100)
    )
    return replace(small, facts=replace(small.facts, tokens=4_096), passes=passes)
