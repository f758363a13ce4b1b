"""Reading the small text files by which Linux tells of itself. A file that cannot be read is a gap, not an error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

LONGEST = 1_000_000
"""More of a file is not read: /proc/cpuinfo of a large machine has about 0.5 MB."""

MOST_ENTRIES = 4_096
"""More of a folder is not looked at: a machine with 1,024 cores has as many folders for them."""

MOST_KIB = 2**50

MOST_DIGITS = 30
"""The longest number that is believed; reading one takes time quadratic in its length."""


def text_of(path: Path) -> str | None:
    """The file's text without surrounding blanks and NULs, None where it cannot be read or is empty."""
    try:
        raw = _read(path, LONGEST)
    except OSError:
        return None
    # Device-tree strings end in NUL. What is printed and stored must be clean text.
    text = raw.decode("utf-8", errors="replace").replace("\x00", "").strip()
    return text or None


def _read(path: Path, most: int) -> bytes:
    # Without O_NONBLOCK a named pipe in a file's place would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # The files of /proc come a page at a time.
        raw = b""
        while len(raw) < most and (piece := os.read(descriptor, most - len(raw))):
            raw += piece
        return raw
    finally:
        os.close(descriptor)


def number_of(path: Path) -> int | None:
    """The whole number that the file holds, None where there is none."""
    return whole_number(text_of(path))


def whole_number(text: str | None) -> int | None:
    """``text`` as a whole number, None where it is none."""
    try:
        return int(text) if text is not None and len(text) <= MOST_DIGITS else None
    except ValueError:
        return None


def folders(parent: Path, pattern: str) -> tuple[Path, ...]:
    """What lies in ``parent`` under a name of this pattern, in the order of its numbers; nothing where it is closed."""
    try:
        found = sorted(parent.glob(pattern), key=lambda path: (len(path.name), path.name))
    except OSError:
        return ()
    return tuple(found[:MOST_ENTRIES])


def is_there(path: Path) -> bool:
    """Whether there is something under this name that can be seen."""
    try:
        return path.exists()
    except OSError:
        return False


def absence_of(path: Path) -> str:
    """Why ``path`` tells nothing, in words that follow its name: "is not there", "may not be read" ..."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
            return "holds nothing that is known"
        _read(path, 1)
    except PermissionError:
        return "may not be read"
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO)
        return "is not there" if gone else f"cannot be read ({os.strerror(error.errno or errno.EIO)})"
    return "tells nothing that is understood"


def memory_field(root: Path, field: str) -> int | None:
    """A field of /proc/meminfo in bytes, None where it is not there."""
    for line in (text_of(root / "proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        kib = whole_number((rest.split() or [""])[0])
        if name == field and kib is not None and 0 <= kib <= MOST_KIB:
            return kib * 1024
    return None


def line_of(text: str) -> str:
    """``text`` on one line and within the wire's limit for one."""
    return " ".join(text.replace("\x00", "").split())[:200]
