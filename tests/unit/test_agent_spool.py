from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.client import OrchestratorClient
from agent.errors import NoRoom, OrchestratorAway, Refused, StateError
from agent.spool import Spool
from agent.wire.readings import Accepted, Batch
from tests.support.messages import a_batch


class ScriptedClient(OrchestratorClient):
    """Takes batches in, or does with them what it is told to."""

    def __init__(self, act: Callable[[Batch], None] = lambda _batch: None) -> None:
        super().__init__("http://127.0.0.1:1", None)
        self._act = act
        self.got: list[tuple[int, Batch]] = []

    def post_batch(self, job_id: int, batch: Batch) -> Accepted:
        self._act(batch)
        self.got.append((job_id, batch))
        return Accepted(readings=len(batch.readings))


def refusing(status: int, name: str) -> Callable[[Batch], None]:
    """Refuses the pass with number 0."""

    def act(batch: Batch) -> None:
        if batch.number == 0:
            raise Refused("No.", "Do something.", status=status, type=name)

    return act


def test_what_is_put_is_delivered_once_and_then_gone(tmp_path: Path) -> None:
    spool, client = Spool(tmp_path / "spool"), ScriptedClient()
    spool.put(7, a_batch())
    assert spool.deliver(client) == 1
    assert spool.deliver(client) == 0
    assert client.got == [(7, a_batch())]
    assert spool.waiting() == []


def test_what_is_put_survives_the_process_that_put_it(tmp_path: Path) -> None:
    Spool(tmp_path).put(7, a_batch())
    client = ScriptedClient()
    Spool(tmp_path).deliver(client)
    assert client.got == [(7, a_batch())]


def test_readings_are_nobody_elses_to_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(7, a_batch())
    (path,) = spool.waiting()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_passes_are_delivered_job_by_job_in_the_order_of_measuring(tmp_path: Path) -> None:
    spool, client = Spool(tmp_path), ScriptedClient()
    measured = [
        (2, a_batch(number=9)),
        (2, a_batch(number=10)),
        (2, a_batch(fence=2, number=3)),
        (2, a_batch(round_number=1, fence=2)),
        (10, a_batch()),
    ]
    for job_id, batch in reversed(measured):
        spool.put(job_id, batch)
    assert spool.deliver(client) == 5
    assert client.got == measured


def test_a_file_cut_at_any_byte_is_set_aside_and_the_others_are_delivered(tmp_path: Path) -> None:
    spool, client = Spool(tmp_path), ScriptedClient()
    spool.put(2, a_batch(tokens=(2,)))
    (path,) = spool.waiting()
    whole = path.read_bytes()
    cuts = [whole[:length] for length in range(len(whole))]
    for number, cut in enumerate(cuts):
        (tmp_path / f"1-0-1-{number}.json").write_bytes(cut)
    assert spool.deliver(client) == 1
    assert client.got == [(2, a_batch(tokens=(2,)))]
    assert spool.waiting() == []
    assert sorted(path.read_bytes() for path in spool.aside()) == cuts


def test_a_write_that_was_cut_off_left_nothing_that_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(1, a_batch(number=0))
    (path,) = spool.waiting()
    path.rename(path.with_name("1-0-1-1.json.part"))
    assert spool.waiting() == []
    assert spool.deliver(ScriptedClient()) == 0


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("mine")
    assert Spool(tmp_path).deliver(ScriptedClient()) == 0
    assert (tmp_path / "notes.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("status", "name"), [(404, "not-found"), (409, "conflict"), (413, "body-too-large"), (422, "not-a-message")]
)
def test_a_batch_that_is_refused_is_set_aside_and_told_and_the_others_are_delivered(
    tmp_path: Path, status: int, name: str
) -> None:
    told: list[str] = []
    spool, client = Spool(tmp_path, tell=told.append), ScriptedClient(refusing(status, name))
    spool.put(1, a_batch(number=0))
    spool.put(1, a_batch(number=1))
    assert spool.deliver(client) == 1
    assert client.got == [(1, a_batch(number=1))]
    assert [path.name for path in spool.aside()] == ["1-0-1-0.json"]
    assert "refused" in told[0]
    assert "Do something." in told[0]


@pytest.mark.parametrize(("status", "name"), [(401, "not-signed-in"), (403, "not-allowed"), (426, "protocol-mismatch")])
def test_a_refused_key_or_version_leaves_everything_in_its_place(tmp_path: Path, status: int, name: str) -> None:
    spool = Spool(tmp_path)
    spool.put(1, a_batch(number=0))
    spool.put(1, a_batch(number=1))
    with pytest.raises(Refused):
        spool.deliver(ScriptedClient(refusing(status, name)))
    assert len(spool.waiting()) == 2


def test_while_the_orchestrator_is_away_everything_stays_in_its_place(tmp_path: Path) -> None:
    def away(batch: Batch) -> None:
        if batch.number == 1:
            raise OrchestratorAway("away", "wait")

    spool = Spool(tmp_path)
    for number in range(3):
        spool.put(1, a_batch(number=number))
    with pytest.raises(OrchestratorAway):
        spool.deliver(ScriptedClient(away))
    assert [path.name for path in spool.waiting()] == ["1-0-1-1.json", "1-0-1-2.json"]


def test_a_spool_that_cannot_be_written_says_so_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match=r"Readings cannot be kept in .*: Not a directory\.\n.*this user can write"):
        Spool(tmp_path / "file" / "spool").put(1, a_batch())


def test_a_write_that_fails_takes_no_room(tmp_path: Path) -> None:
    # What stands in the way of the last step, the renaming, is a folder with something in it.
    (tmp_path / "1-0-1-0.json" / "x").mkdir(parents=True)
    with pytest.raises(StateError):
        Spool(tmp_path).put(1, a_batch())
    assert list(tmp_path.glob("*.part")) == []


def test_a_spool_that_was_never_used_is_empty(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "nowhere")
    assert (spool.waiting(), spool.aside(), spool.deliver(ScriptedClient())) == ([], [], 0)


def test_what_is_disowned_is_set_aside_and_never_delivered_to_anybody(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(1, a_batch(number=0))
    spool.put(1, a_batch(number=1))
    assert spool.disown() == 2
    client = ScriptedClient()
    assert (spool.deliver(client), client.got, len(spool.aside())) == (0, [], 2)
    assert spool.disown() == 0


def full_disk_for(spool_folder: Path, name: str) -> None:
    """Let the next write of the file of this name meet a full disk."""
    (spool_folder / f"{name}.part").symlink_to("/dev/full")


def test_a_full_disk_refuses_what_is_new_and_says_so_and_what_was_kept_is_delivered(tmp_path: Path) -> None:
    spool, client = Spool(tmp_path), ScriptedClient()
    spool.put(1, a_batch(number=0))
    full_disk_for(tmp_path, "1-0-1-1.json")
    with pytest.raises(NoRoom, match=r"no room for readings .*No space left on device\.\n.*Free space"):
        spool.put(1, a_batch(number=1))
    assert spool.deliver(client) == 1
    assert client.got == [(1, a_batch(number=0))]


def test_after_a_full_disk_nothing_new_begins_until_a_file_fits(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    full_disk_for(tmp_path, "1-0-1-0.json")
    with pytest.raises(NoRoom):
        spool.put(1, a_batch())
    full_disk_for(tmp_path, "room")
    with pytest.raises(NoRoom):
        spool.check_room()
    spool.check_room()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_holds_its_most_takes_no_new_work_keeps_the_pass_in_hand_and_drops_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=1)
    spool.check_room()
    spool.put(1, a_batch(number=0))
    with pytest.raises(NoRoom, match=r"is full.*\n.*STEPFARM_SPOOL_MIB"):
        spool.check_room()
    spool.put(1, a_batch(number=1))
    assert spool.deliver(ScriptedClient()) == 2
    spool.check_room()


def test_a_spool_whose_last_write_was_torn_at_any_byte_recovers_every_pass_before_it(tmp_path: Path) -> None:
    whole = Spool(tmp_path / "whole")
    for number in range(3):
        whole.put(1, a_batch(number=number, tokens=(2,)))
    files = {path.name: path.read_bytes() for path in whole.waiting()}
    *kept, last = files
    torn = tmp_path / "torn"
    torn.mkdir()
    for length in range(len(files[last]) + 1):
        for name in kept:
            (torn / name).write_bytes(files[name])
        (torn / f"{last}.part").write_bytes(files[last][:length])
        spool, client = Spool(torn), ScriptedClient()
        spool.tidy()
        assert spool.deliver(client) == len(kept)
        assert client.got == [(1, a_batch(number=number, tokens=(2,))) for number in range(2)]
        assert list(torn.iterdir()) == []
