"""What a database says when it cannot work, in words for people: what happened, and what to do.

What the driver itself says is not passed on: it can hold the URL with its password.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from agent.errors import ConfigError, StepfarmError
from orchestrator.errors import DatabaseAway
from orchestrator.storage.address import LOOKS_LIKE, place_of

NOTHING_LOST = "Nothing is lost: devices keep what they measure until then."

# https://www.sqlite.org/rescode.html: the primary code, which the extended ones begin with.
SQLITE = {
    "SQLITE_FULL": ("There is no room left for the database {place}.", f"Make room on its disk. {NOTHING_LOST}"),
    "SQLITE_CANTOPEN": (
        "The database {place} cannot be opened.",
        "The file and its directory must be there, and belong to the user who runs the orchestrator.",
    ),
    "SQLITE_READONLY": (
        "The database {place} cannot be written.",
        "The file and its directory must belong to the user who runs the orchestrator, on a disk that can be written.",
    ),
    "SQLITE_PERM": ("The database {place} may not be opened.", "Run as the user that the file belongs to."),
    "SQLITE_IOERR": (
        "The disk under the database {place} fails.",
        f"See the system's log about that disk; keep a copy of the file. {NOTHING_LOST}",
    ),
    "SQLITE_BUSY": ("The database {place} is locked by another program.", "Close what else works with that file."),
    "SQLITE_PROTOCOL": ("The database {place} is locked by another program.", "Close what else works with that file."),
    "SQLITE_NOTADB": (
        "The file {place} is no SQLite database.",
        "Put the database there, or name another file in STEPFARM_DATABASE_URL.",
    ),
    "SQLITE_CORRUPT": (
        "The database {place} is damaged.",
        "Stop the orchestrator, keep a copy of the file, and put a good copy in its place.",
    ),
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {
    "42501": (
        "PostgreSQL at {place} does not let this user work with the tables.",
        "Make the user the owner of the database: ALTER DATABASE name OWNER TO name_of_user.",
    ),
    "53100": ("PostgreSQL at {place} has no room left on its disk.", f"Make room there. {NOTHING_LOST}"),
    "53300": ("PostgreSQL at {place} has no connection free.", "Raise its max_connections, or close other programs."),
    "25006": (
        "PostgreSQL at {place} cannot be written: it is a standby, or set to be read alone.",
        "Name the server that takes writes in STEPFARM_DATABASE_URL.",
    ),
}

CREDENTIALS = (
    "PostgreSQL at {place} refuses the user name or the password.",
    "Correct them in STEPFARM_DATABASE_URL: postgresql://USER:PASSWORD@HOST/NAME.",
)
NO_ANSWER = (
    "PostgreSQL at {place} does not answer.",
    f"Is the server running, and is STEPFARM_DATABASE_URL right? {NOTHING_LOST}",
)
# A refused connection has no code that the driver hands on, only the server's words; in other languages than English
# it is told as one that does not answer.
WORDS = {
    "password authentication failed": CREDENTIALS,
    "no password supplied": CREDENTIALS,
    'FATAL:  role "': CREDENTIALS,
    "no pg_hba.conf entry": (
        "PostgreSQL at {place} lets nobody in from this machine with that name.",
        "Let it in by a line in the server's pg_hba.conf.",
    ),
    'FATAL:  database "': (
        "PostgreSQL at {place} has no database {name}.",
        "Make it, owned by the user in STEPFARM_DATABASE_URL: createdb --owner USER NAME.",
    ),
    "failed to resolve host": (
        "There is no host {place}.",
        "Correct the host in STEPFARM_DATABASE_URL, or see to the name service of this machine.",
    ),
    "too many clients": STATES["53300"],
    "remaining connection slots": STATES["53300"],
}


def in_words(error: DBAPIError, url: sa.URL) -> StepfarmError | None:
    """What to tell a person of ``error`` at the database ``url``; None where it is a mistake of ours."""
    if isinstance(error.orig, sqlite3.Error):
        words = _sqlite_words(error.orig)
    elif "invalid connection option" in str(error.orig):
        return ConfigError("The database URL has an option that PostgreSQL does not know.", LOOKS_LIKE)
    else:
        words = _postgres_words(error)
    if words is None:
        return None
    message, advice = words
    return DatabaseAway(message.format(place=place_of(url), name=url.database), advice)


def _sqlite_words(error: sqlite3.Error) -> tuple[str, str] | None:
    code = getattr(error, "sqlite_errorname", "")
    return next((words for primary, words in SQLITE.items() if code.startswith(primary)), None)


def _postgres_words(error: DBAPIError) -> tuple[str, str] | None:
    state = getattr(error.orig, "sqlstate", None)
    if state in STATES:
        return STATES[state]
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not error.connection_invalidated:
        return None
    said = str(error.orig)
    return next((words for phrase, words in WORDS.items() if phrase in said), NO_ANSWER)
