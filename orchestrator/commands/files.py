"""The files that commands read and write; ``-`` is standard input or output."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from agent.durable import write_durably
from orchestrator.errors import BadFile

STANDARD = "-"


@contextlib.contextmanager
def reading(source: str) -> Iterator[tuple[io.BufferedReader, str]]:
    """The bytes of ``source``, a path or ``-``, and what to call it in errors.

    Raises:
        BadFile: there is no such file, or it cannot be read.
    """
    name = "standard input" if source == STANDARD else source
    try:
        if source == STANDARD:
            yield cast("io.BufferedReader", sys.stdin.buffer), name
        else:
            with Path(source).open("rb") as stream:
                yield stream, name
    except OSError as error:
        raise BadFile(f"{name} cannot be read: {error.strerror}.", "Give the path of a file that is there.") from None


def refuse_taken(path: Path, *, force: bool) -> None:
    """Refuse to write where something is already, or where nothing can be.

    Raises:
        BadFile: there is a directory, or a file and no ``force``; or the directory it should lie in is not there.
    """
    if path.is_dir():
        raise BadFile(f"{path} is a directory.", "Give the path of a file.")
    if path.exists() and not force:
        raise BadFile(f"{path} is there already, and stays as it is.", "Choose another name, or give --force.")
    if not path.parent.is_dir():
        raise BadFile(f"There is no directory {path.parent}.", "Make it first, or choose another.")


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``; a file there at no time holds only a part of it.

    Raises:
        BadFile: it cannot be written; what was there before still is.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a device or a pipe: nothing may take its place
        else:
            write_durably(path.resolve(), content, mode=0o666)
    except OSError as error:
        raise BadFile(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None


def print_pieces(pieces: Iterable[str]) -> None:
    """``pieces`` on standard output, as UTF-8 whatever the terminal speaks."""
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()
