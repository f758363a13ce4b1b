"""Exported models on a device: fetched once, gone on with, checked by their hash, bounded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import MeasurementFailed, OrchestratorAway
from agent.exports import SPARE_BYTES, Exports
from agent.wire.exports import ExportFile
from agent.wire.jobs import FailureReason

CONTENT = bytes(range(256)) * 40


def file_of(content: bytes) -> ExportFile:
    return ExportFile(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


FILE = file_of(CONTENT)


class Source:
    """Gives ``content`` in pieces, and breaks off after as many bytes as ``breaks`` says of each call in turn."""

    def __init__(self, content: bytes = CONTENT, breaks: tuple[int, ...] = ()) -> None:
        self._content = content
        self._breaks = list(breaks)
        self.asked: list[int] = []

    def __call__(self, offset: int) -> Iterator[bytes]:
        self.asked.append(offset)
        ends = self._breaks.pop(0) if self._breaks else None
        wanted = self._content[offset:]
        for start in range(0, len(wanted), 1_000):
            if ends is not None and start >= ends:
                raise OrchestratorAway("It broke off.", "")
            yield wanted[start : start + 1_000]


def test_a_file_is_fetched_once_and_found_again(tmp_path: Path) -> None:
    exports, source = Exports(tmp_path / "exports"), Source()

    paths = {exports.path_of(FILE, source), exports.path_of(FILE, source)}

    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert source.asked == [0]


def test_a_fetch_that_broke_off_goes_on_where_it_ended(tmp_path: Path) -> None:
    exports, source = Exports(tmp_path), Source(breaks=(3_000, 2_000))

    for _ in range(2):
        with pytest.raises(OrchestratorAway):
            exports.path_of(FILE, source)

    assert exports.path_of(FILE, source).read_bytes() == CONTENT
    assert source.asked == [0, 3_000, 5_000]


def test_a_part_that_was_damaged_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / f"{FILE.sha256}.part").write_bytes(b"x" * 500)
    source = Source()

    assert Exports(tmp_path).path_of(FILE, source).read_bytes() == CONTENT
    assert source.asked == [500, 0]


def test_a_whole_part_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / f"{FILE.sha256}.part").write_bytes(CONTENT)
    source = Source()

    assert Exports(tmp_path).path_of(FILE, source).read_bytes() == CONTENT
    assert source.asked == []


def test_a_kept_file_that_was_damaged_is_fetched_anew(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    exports.path_of(FILE, Source()).write_bytes(CONTENT[:-1])

    assert exports.path_of(FILE, Source()).read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [b"", CONTENT[::-1], CONTENT[:-1], CONTENT + b"more"[:0] + b"x" * 7])
def test_what_has_another_hash_is_never_handed_on(tmp_path: Path, sent: bytes) -> None:
    promised = file_of(CONTENT[:-1] + b"!")

    with pytest.raises(MeasurementFailed, match="arrived damaged twice"):
        Exports(tmp_path).path_of(promised, Source(sent))
    assert list(tmp_path.iterdir()) == []


def test_no_more_is_kept_than_was_promised_however_much_comes(tmp_path: Path) -> None:
    assert Exports(tmp_path).path_of(FILE, Source(CONTENT + CONTENT)).read_bytes() == CONTENT


def test_the_files_used_longest_ago_go_where_a_new_one_needs_the_room(tmp_path: Path) -> None:
    exports = Exports(tmp_path, most_bytes=3_000)
    contents = [bytes([place]) * 1_000 for place in range(4)]
    for place, content in enumerate(contents[:3]):
        path = exports.path_of(file_of(content), Source(content))
        os.utime(path, ns=(place, place))
    again = exports.path_of(file_of(contents[0]), Source(contents[0]))

    exports.path_of(file_of(contents[3]), Source(contents[3]))

    kept = {path.read_bytes() for path in tmp_path.iterdir()}
    assert again.exists()
    assert kept == {contents[0], contents[2], contents[3]}


def test_a_file_larger_than_all_that_is_kept_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    source = Source()
    with pytest.raises(MeasurementFailed, match="are kept") as refused:
        Exports(tmp_path, most_bytes=FILE.size_bytes - 1).path_of(FILE, source)
    assert refused.value.reason is FailureReason.DISK_FULL
    assert source.asked == []


def test_a_disk_that_is_full_is_told_before_it_is_fetched_once_nothing_more_can_go(tmp_path: Path) -> None:
    exports = Exports(tmp_path, free_bytes=lambda _: SPARE_BYTES + FILE.size_bytes - 1)
    (tmp_path / f"{'0' * 64}.onnx").write_bytes(b"another")
    (tmp_path / f"{'1' * 64}.part").write_bytes(b"a part of another")
    source = Source()

    with pytest.raises(MeasurementFailed, match="has room for") as refused:
        exports.path_of(FILE, source)

    assert refused.value.reason is FailureReason.DISK_FULL
    assert source.asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("a file in its place")
    with pytest.raises(MeasurementFailed, match="cannot be kept") as refused:
        Exports(tmp_path / "exports").path_of(FILE, Source())
    assert refused.value.reason is FailureReason.DISK_FULL
