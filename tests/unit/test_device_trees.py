"""What holds of every device, whatever it shows: the trees under ``tests/data/devices``, and damaged ones."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.device import conditions, files
from agent.device.recognise import recognise
from agent.wire.codec import decode, encode
from agent.wire.conditions import Conditions
from agent.wire.enrolment import DeviceDescription, DeviceKind
from tests.support.device_trees import DATA, NAMES, DeviceTree, device, gaps_of, lay_out, load

WHOLE = tuple(name for name in NAMES if not name.startswith("broken-"))
BROKEN = tuple(name for name in NAMES if name.startswith("broken-"))


@pytest.mark.parametrize("name", NAMES)
def test_a_device_is_recognised(name: str, tmp_path: Path) -> None:
    tree = device(name, tmp_path)
    assert recognise(tmp_path, env=tree.env, system="Linux") is tree.kind


@pytest.mark.parametrize("name", NAMES)
def test_description_and_conditions_of_a_device_can_be_sent(name: str, tmp_path: Path) -> None:
    tree = device(name, tmp_path)
    description, now = tree.describe(), tree.conditions()
    assert decode(DeviceDescription, encode(description)) == description
    assert decode(Conditions, encode(now)) == now


@pytest.mark.parametrize("name", NAMES)
def test_reading_conditions_runs_few_commands(name: str, tmp_path: Path) -> None:
    tree = device(name, tmp_path)
    tree.conditions()
    assert len(tree.asked) <= conditions.MOST_COMMANDS


@pytest.mark.parametrize("name", NAMES)
def test_what_a_device_does_not_tell_is_a_gap_with_a_reason(name: str, tmp_path: Path) -> None:
    now = device(name, tmp_path).conditions()
    missing = {
        "temperature": not now.temperatures,
        "clocks": not [clock for clock in now.clocks if clock.domain.startswith("cpu ")],
        "governor": now.governor is None,
        "cores": not now.cores_allowed,
        "load": now.load is None,
        "memory": now.memory_available_bytes is None,
    }
    gaps = gaps_of(now)
    assert {name for name, is_missing in missing.items() if is_missing} == gaps.keys() & missing.keys()
    assert all(gaps.values())


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_device_has_a_gap_for_everything(name: str, tmp_path: Path) -> None:
    now = device(name, tmp_path).conditions()
    assert {"temperature", "clocks", "governor", "throttling", "cores", "load", "memory"} <= gaps_of(now).keys()
    assert (now.temperatures, now.clocks, now.throttled, now.counters) == ((), (), (), ())


@pytest.mark.parametrize("name", NAMES)
def test_doctor_has_a_finding_and_where_it_is_not_well_an_advice(name: str, tmp_path: Path) -> None:
    for check, (status, found, advice) in device(name, tmp_path).checks().items():
        assert found, check
        assert bool(advice) == (status != "ok"), check


def test_every_kind_of_device_that_can_be_recognised_on_linux_has_a_whole_tree_and_a_broken_one() -> None:
    kinds = {DeviceKind.JETSON, DeviceKind.RASPBERRY_PI, DeviceKind.TERMUX, DeviceKind.LINUX}
    assert {DeviceKind(load(name)["kind"]) for name in WHOLE} == kinds
    assert {DeviceKind(load(name)["kind"]) for name in BROKEN} == kinds


def test_every_tree_names_its_sources_and_stands_in_the_readme() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for name in WHOLE:
        assert load(name)["sources"]
        # Two containers share a line of the table.
        assert name.removesuffix("-1").removesuffix("-2") in readme


RUBBISH = st.one_of(
    st.binary(max_size=64),
    st.text(alphabet="0123456789-+.eExX ,:/[]()=\n\x00%", max_size=64).map(str.encode),
    st.sampled_from([b"9" * 5_000, b"-1", b"nan", b"inf", b"1e400", b"max max", b"0 0", b"[N/A]", b"0x", b": : :"]),
    st.sampled_from(["folder", "link", "pipe", "gone"]),
)


def put(path: Path, rubbish: bytes | str) -> None:
    """Put what ``rubbish`` says in the place of the file ``path``."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        return
    if isinstance(rubbish, bytes):
        path.write_bytes(rubbish)
    elif rubbish == "folder":
        path.mkdir()
    elif rubbish == "link":
        path.symlink_to(path.name)
    elif rubbish == "pipe":
        os.mkfifo(path)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_rubbish_in_any_file_or_answer_raises_or_makes_a_message_that_cannot_be_sent(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(WHOLE))
    told: dict[str, Any] = load(name)
    damaged = data.draw(st.dictionaries(st.sampled_from(sorted(told["files"])), RUBBISH, max_size=12))
    answers = {
        command: data.draw(st.one_of(st.just(answer), st.text(max_size=80), st.just({"complaint": ""})))
        for command, answer in told["commands"].items()
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root, told["files"])
        for file, rubbish in damaged.items():
            put(root / file, rubbish)
        tree = DeviceTree(root=root, kind=DeviceKind(told["kind"]), env=told["env"], commands=answers)
        description, now = tree.describe(), tree.conditions()
        assert decode(DeviceDescription, encode(description)) == description
        assert decode(Conditions, encode(now)) == now
        assert all(found for _, found, _ in tree.checks().values())


def test_of_a_huge_file_only_a_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole of a terabyte takes no room
        file.seek(0)
        file.write(b"12")
    assert files.text_of(path) == "12"
    assert files.number_of(path) == 12


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert files.text_of(tmp_path / "pipe") is None


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    tree = device("jetson-agx-orin-jetpack-6", tmp_path)
    tree.conditions()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        tree.conditions()
        tree.describe()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda _: None, "is not there"),
        (lambda path: path.mkdir(), "holds nothing that is known"),
        (lambda path: path.write_text("?"), "tells nothing that is understood"),
        (lambda path: path.symlink_to(path.name), "cannot be read (Too many levels of symbolic links)"),
    ],
)
def test_why_a_file_tells_nothing_is_said(make: Any, why: str, tmp_path: Path) -> None:
    make(tmp_path / "it")
    assert files.absence_of(tmp_path / "it") == why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "it").touch(mode=0o000)
    assert files.absence_of(tmp_path / "it") == "may not be read"
