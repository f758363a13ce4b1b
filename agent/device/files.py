"""Reading the small text files by which Linux tells of itself. A file that cannot be read is a gap, not an error."""

from __future__ import annotations

from pathlib import Path

LONGEST = 1_000_000
"""More of a file is not read: /proc/cpuinfo of a large machine has about 0.5 MB."""


def text_of(path: Path) -> str | None:
    """The file's text without surrounding blanks and NULs, None where it cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST)
    except OSError:
        return None
    # Device-tree strings end in NUL. What is printed and stored must be clean text.
    text = raw.decode("utf-8", errors="replace").replace("\x00", "").strip()
    return text or None


def number_of(path: Path) -> int | None:
    """The whole number that the file holds, None where there is none."""
    text = text_of(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def folders(parent: Path, pattern: str) -> tuple[Path, ...]:
    """What lies in ``parent`` under a name of this pattern, sorted by name; nothing where it cannot be listed."""
    try:
        return tuple(sorted(parent.glob(pattern), key=lambda path: (len(path.name), path.name)))
    except OSError:
        return ()


def memory_field(root: Path, field: str) -> int | None:
    """A field of /proc/meminfo in bytes, None where it is not there."""
    for line in (text_of(root / "proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        parts = rest.split()
        if name == field and parts and parts[0].isdigit():
            return int(parts[0]) * 1024
    return None


def line_of(text: str) -> str:
    """``text`` on one line and within the wire's limit for one."""
    return " ".join(text.split())[:200]
