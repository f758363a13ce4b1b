"""A PostgreSQL server of the tests' own: in a temporary directory, on a Unix socket there, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

WITHOUT = "STEPFARM_TEST_WITHOUT_POSTGRES"
"""Set to 1 on a machine that cannot have a server: its half of the tests is then skipped, and says so."""

USER = "stepfarm"
ROOT = 0


class NoServer(RuntimeError):
    """This machine has no PostgreSQL server."""


def find_binaries() -> Path:
    """The directory of ``postgres`` and ``initdb``; of several versions the newest.

    Raises:
        NoServer: there is none.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    asked = shutil.which("pg_config")
    named = [Path(_output([asked, "--bindir"]))] if asked else []
    for folder in (*debian, *named):
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise NoServer(f"no PostgreSQL server here: make setup brings one; {WITHOUT}=1 leaves these tests out")


@contextlib.contextmanager
def server() -> Iterator[PostgresServer]:
    """A new, empty server, until the context ends. It never runs as root: it would refuse to."""
    binaries = find_binaries()
    # Short: the name of a Unix socket has 107 bytes at most.
    home = Path(tempfile.mkdtemp(prefix="stepfarm-pg-", dir="/tmp"))
    owner = pwd.getpwnam(_somebody()) if os.geteuid() == ROOT else None
    if owner is not None:
        os.chown(home, owner.pw_uid, owner.pw_gid)
    running = PostgresServer(binaries, home, owner)
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)


class PostgresServer:
    """A server in ``home``. It trusts whoever reaches its socket, and only its owner and root can."""

    def __init__(self, binaries: Path, home: Path, owner: pwd.struct_passwd | None) -> None:
        self._binaries = binaries
        self._home = home
        self._owner = owner

    def make(self) -> None:
        """Make the cluster."""
        data = str(self._home / "data")
        self._run("initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Start it, also after it was stopped."""
        data = str(self._home / "data")
        # What is lost in a power cut is no loss to a test.
        options = f"-k {self._home} -c listen_addresses= -c fsync=off -c full_page_writes=off"
        self._run("pg_ctl", "-D", data, "-l", str(self._home / "log"), "-o", options, "-w", "start")

    def ask_for_passwords(self, user: str) -> None:
        """From the next start on, let ``user`` in by password alone."""
        rules = self._home / "data" / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")

    def stop(self) -> None:
        """End it without waiting for whoever is still connected."""
        if (self._home / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._home / "data"), "-m", "immediate", "-w", "stop")

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        return f"postgresql://{USER}@/{database}?host={self._home}"

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server would hold a pipe open for as long as it runs.
        with (self._home / "out").open("ab") as output:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                cwd=self._home,
                env={**os.environ, "LC_ALL": "C"},
                stdout=output,
                stderr=subprocess.STDOUT,
                user=None if self._owner is None else self._owner.pw_uid,
                group=None if self._owner is None else self._owner.pw_gid,
                extra_groups=None if self._owner is None else [],
                check=False,
            )
        assert done.returncode == 0, (self._home / "out").read_text()


def _somebody() -> str:
    """A user with few rights."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
