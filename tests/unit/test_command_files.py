"""The files that commands read and write."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orchestrator.commands.files import reading, refuse_taken, write_whole
from orchestrator.errors import BadFile


def test_a_written_file_is_there_whole_with_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.csv", b"content")

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.csv", b"content")]


def test_a_written_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a.csv", b"content")
    finally:
        os.umask(before)

    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link_to_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "a.csv"
    link.symlink_to(tmp_path / "there" / "b.csv")

    write_whole(link, b"content")

    assert link.is_symlink()
    assert (tmp_path / "there" / "b.csv").read_bytes() == b"content"


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()

    write_whole(pipe, b"content")
    reader.join(10)

    assert read == [b"content"]
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(BadFile, match="cannot be written: Not a directory") as refusal:
        write_whole(tmp_path / "file" / "a.csv", b"content")

    assert refusal.value.advice
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"), [("", "is a directory"), ("there", "--force"), ("missing/a.csv", "There is no directory")]
)
def test_a_place_that_is_taken_or_not_there_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "there").write_text("mine")

    with pytest.raises(BadFile) as refusal:
        refuse_taken(tmp_path / name, force=False)

    assert said in str(refusal.value)


def test_a_file_may_be_written_over_where_that_is_forced(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")

    refuse_taken(tmp_path / "there", force=True)
    refuse_taken(tmp_path / "new", force=False)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_is_told_with_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFile, match="cannot be read"), reading(str(tmp_path / name)) as (stream, _):
        stream.read()
