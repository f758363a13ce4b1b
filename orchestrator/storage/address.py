"""Which databases Stepfarm works with, and how one is named where people read it: never with its password."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import sqlalchemy as sa

from agent.errors import ConfigError

DRIVERS = ("sqlite", "postgresql", "postgresql+psycopg")
LOOKS_LIKE = "It is postgresql://USER:PASSWORD@HOST/NAME, or sqlite:////WHOLE/PATH; correct STEPFARM_DATABASE_URL."


def parsed(url: str) -> sa.URL:
    """The URL of a database that Stepfarm works with.

    Raises:
        ConfigError: it is none, or its driver is not installed. The URL is not repeated: a password may be anywhere in
            one that does not parse.
    """
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number among them
        raise ConfigError("The database URL cannot be read.", LOOKS_LIKE) from None
    if found.drivername not in DRIVERS:
        raise ConfigError(f"Stepfarm does not work with a database of the kind {_kind(url)}.", LOOKS_LIKE)
    if found.host is not None and "@" in found.host:
        raise ConfigError(
            "The database URL has more than one @.", "In a password write %40 for @, %2F for / and %3A for a colon."
        )
    if found.get_backend_name() == "sqlite":
        return _sqlite(found)
    if not found.database:
        raise ConfigError("The database URL names no database.", LOOKS_LIKE)
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError("PostgreSQL needs psycopg, which is not installed.", "pip install 'stepfarm[postgres]'")
    return found


def _kind(url: str) -> str:
    found = re.match(r"[a-z0-9+]{1,30}(?=:)", url)
    return found[0] if found else "that it names"


def _sqlite(url: sa.URL) -> sa.URL:
    if url.database in (None, "", ":memory:") or url.query:
        raise ConfigError("The database URL names no file.", LOOKS_LIKE)
    if not Path(str(url.database)).is_absolute():
        # The processes that open it do not all work in the same directory.
        raise ConfigError(
            f"The database URL must name the whole path of {url.database}.",
            "Four slashes: sqlite:////srv/stepfarm/stepfarm.db; correct STEPFARM_DATABASE_URL.",
        )
    return url


def place_of(url: sa.URL) -> str:
    """Where the database is, for people: its file, or the host and port of its server."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    named = url.query.get("host")
    host = url.host or (named if isinstance(named, str) else None) or "this machine"
    return f"{host}:{url.port}" if url.port else host


def name_of(url: sa.URL) -> str:
    """Which database it is, for people: its file, or its name and where its server is."""
    place = place_of(url)
    return place if url.get_backend_name() == "sqlite" else f"{url.database} at {place}"
