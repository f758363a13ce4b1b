"""Exported models are made once, told to all who ask, and made again where they are gone, on either database."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.vit.exporting import ExportWish
from agent.wire.exports import ExportAnswer
from agent.wire.jobs import DataType, FailureReason
from orchestrator.errors import NotFound
from orchestrator.exports import REMEMBERED_S, Exporter, Exports
from tests.support.clocks import ManualClock
from tests.support.store import Store

WISH = ExportWish(model="test_vit", image_size=None, data_type=DataType.FLOAT32)


class Maker:
    """Makes a file of the wish's own words, and counts how often; waits until it is ``let`` go on."""

    def __init__(self, failure: MeasurementFailed | None = None) -> None:
        self.failure = failure
        self.made: list[ExportWish] = []
        self.let = threading.Event()
        self.let.set()

    def __call__(self, wish: ExportWish) -> bytes:
        assert self.let.wait(30)
        self.made.append(wish)
        if self.failure is not None:
            raise self.failure
        return repr(wish).encode()


@pytest.fixture
def make(store: Store, tmp_path: Path) -> Callable[..., Exports]:
    def made(exporter: Exporter, made_with: str = "torch 2") -> Exports:
        return Exports(store.database, store.clock, tmp_path / "exports", exporter, made_with=made_with)

    return made


def answered(exports: Exports, wish: ExportWish = WISH) -> ExportAnswer:
    """What is answered once the making has ended."""
    never, clock = threading.Event(), SystemClock()
    for _ in range(3_000):
        answer = exports.ask(wish)
        if answer.file is not None or answer.failure is not None:
            return answer
        clock.wait(never, 0.01)
    raise AssertionError("in vain: an answer")


def test_a_file_is_made_once_and_told_by_its_hash(make: Callable[..., Exports]) -> None:
    maker = Maker()
    maker.let.clear()
    exports = make(maker)
    assert {exports.ask(WISH).file for _ in range(5)} == {None}
    maker.let.set()

    file = answered(exports).file

    assert file is not None
    content = exports.path_of(file.sha256).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)
    assert answered(make(maker)).file == file
    assert maker.made == [WISH]


def test_another_size_type_or_version_is_another_file(make: Callable[..., Exports]) -> None:
    maker = Maker()
    others = [replace(WISH, image_size=224), replace(WISH, data_type=DataType.FLOAT16), replace(WISH, model="b")]

    files = {answered(make(maker), wish).file for wish in (WISH, *others)}
    answered(make(maker, made_with="torch 3"))

    assert len(files) == 4
    assert len(maker.made) == 5


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_file_that_is_gone_or_cut_is_made_again(make: Callable[..., Exports], harm: Callable[[Path], object]) -> None:
    maker = Maker()
    exports = make(maker)
    file = answered(exports).file
    assert file is not None
    harm(exports.path_of(file.sha256))

    assert answered(exports).file == file
    assert maker.made == [WISH, WISH]


def test_why_there_is_none_is_told_to_all_who_ask_and_tried_again_later(
    make: Callable[..., Exports], store: Store
) -> None:
    maker = Maker(MeasurementFailed(FailureReason.RUNTIME_MISSING, "torch cannot be imported: gone", "Install it."))
    exports = make(maker)

    answers = [answered(exports) for _ in range(3)]

    failure = answers[0].failure
    assert failure is not None
    assert failure.reason is FailureReason.RUNTIME_MISSING
    assert failure.message == "the orchestrator could not export the model: torch cannot be imported: gone"
    assert answers == [answers[0]] * 3
    assert maker.made == [WISH]
    maker.failure = None
    assert isinstance(store.clock, ManualClock)
    store.clock.move(round(1_000 * REMEMBERED_S) + 1)
    assert answered(exports).file is not None


def test_a_folder_that_cannot_be_written_is_told(make: Callable[..., Exports], tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("a file in its place")

    failure = answered(make(Maker())).failure

    assert failure is not None
    assert failure.reason is FailureReason.DISK_FULL


def test_a_hash_that_was_never_made_leads_to_no_file(make: Callable[..., Exports], tmp_path: Path) -> None:
    exports = make(Maker())
    answered(exports)
    (tmp_path / "exports" / f"{'0' * 64}.onnx").write_bytes(b"somebody else's")

    with pytest.raises(NotFound):
        exports.path_of("0" * 64)
