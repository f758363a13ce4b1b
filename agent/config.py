"""The settings of every Stepfarm program: one list, one file, one prefix.

A setting comes from the environment variable ``STEPFARM_<NAME>``, else from ``<name>`` in ``stepfarm.toml`` in the
state directory, else from its default. A name that is not listed here is refused, because a misspelt setting that is
silently ignored is worse than one that is not there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from agent.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class LogFormat(str, Enum):
    """How a program says what it does."""

    TEXT = "text"
    JSON = "json"


PREFIX = "STEPFARM_"
FILE_NAME = "stepfarm.toml"
PORTS = frozenset({"port", "dashboard_port"})
LARGEST_SPOOL_MIB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are and how to reach them. ``help`` of each field is its documentation."""

    home: Path = field(
        metadata={"help": "The state directory: database, keys, spool. Default: the user's data directory."}
    )
    database_url: str | None = field(
        default=None,
        metadata={"help": "The database of the orchestrator. Default: SQLite in the state directory."},
    )
    port: int = field(default=8765, metadata={"help": "The loopback port of the orchestrator."})
    dashboard_port: int = field(default=8766, metadata={"help": "The loopback port of the dashboard."})
    url: str | None = field(
        default=None,
        metadata={"help": "The orchestrator that commands talk to. Default: this machine, at the port above."},
    )
    key: str | None = field(
        default=None,
        metadata={"help": "The key that commands sign in with. Default: the operator's key in the state directory."},
    )
    public_url: str | None = field(
        default=None,
        metadata={"help": "The address at which devices reach the orchestrator. Default: the loopback address."},
    )
    ca: str | None = field(
        default=None,
        metadata={"help": "A file of authorities to trust in place of the system's, for https. Default: the system's."},
    )
    log_format: LogFormat = field(
        default=LogFormat.TEXT,
        metadata={"help": "How the orchestrator's log and a running agent's output read: text, or json."},
    )
    spool_mib: int = field(
        default=512,
        metadata={"help": "How many MiB may wait in the spool of a device before it measures no more."},
    )

    @property
    def orchestrator_url(self) -> str:
        """The address that clients on this machine use."""
        return self.url or f"http://127.0.0.1:{self.port}"

    @property
    def device_url(self) -> str:
        """The address that devices are told: the public one, else this machine's loopback address, for itself alone."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def agent_home(self) -> Path:
        """What the agent keeps: identity and spool."""
        return self.home / "agent"

    @property
    def orchestrator_home(self) -> Path:
        """What the orchestrator keeps: database, operator's key and logs."""
        return self.home / "orchestrator"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that the environment and the file in the state directory give.

    Raises:
        ConfigError: an unknown name, a value of the wrong type, or a file that does not parse.
    """
    values = _from_environment(environ)
    home = _home(values.get("home") or str(platformdirs.user_data_path("stepfarm")))
    merged = {**_from_file(home / FILE_NAME), **values, "home": home}
    return Settings(**{name: _convert(name, value) for name, value in merged.items()})


def _home(value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"{PREFIX}HOME={value}: there is no such user.", "Write out the whole path.") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            name = variable[len(PREFIX) :]
            # STEPFARM_Home is misspelt, and STEPFARM_HOME may stand beside it.
            _refuse_unknown(name.lower() if name.isupper() else variable, f"The environment variable {variable}")
            found[name.lower()] = value
    return found


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Mend the file, or remove it to use defaults.") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    for name in found:
        _refuse_unknown(name, f"{path}: {name}")
        if name == "home":
            raise ConfigError(
                f"{path}: home cannot stand in the file.", f"Set {PREFIX}HOME instead: the file lies in it."
            )
    return found


def _unreadable(path: Path, error: OSError) -> ConfigError:
    home = path.parent
    if not os.access(home, os.X_OK):
        return ConfigError(
            f"The state directory {home} cannot be entered: {error.strerror}.",
            f"Run as the user that it belongs to, or set {PREFIX}HOME to a directory of your own.",
        )
    return ConfigError(f"{path} cannot be read: {error.strerror}.", "See to its rights, or remove it to use defaults.")


def _refuse_unknown(name: str, place: str) -> None:
    known = [setting.name for setting in fields(Settings)]
    if name not in known:
        names = ", ".join(PREFIX + known_name.upper() for known_name in known)
        raise ConfigError(f"{place} is no setting of Stepfarm.", f"The settings are {names}.")


def _convert(name: str, value: Any) -> Any:
    if name in PORTS:
        return _port(name, value)
    if name == "spool_mib":
        return _spool_mib(value)
    if name == "log_format":
        return _log_format(value)
    if name == "public_url":
        return _web_address(name, value)
    if isinstance(value, str | Path):
        return value
    raise ConfigError(f"{name} must be a text, not {value!r}.", f"Correct {name} in {FILE_NAME}.")


def _log_format(value: Any) -> LogFormat:
    try:
        return LogFormat(value)
    except ValueError:
        raise ConfigError(
            f"log_format must be text or json, not {value!r}.",
            f"Correct {PREFIX}LOG_FORMAT, or log_format in {FILE_NAME}.",
        ) from None


def _whole(value: Any) -> int:
    """The number that ``value`` is, 0 where it is none."""
    # What the environment gives is text; a file has numbers, and true is none.
    if type(value) is int or (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10):
        return int(value)
    return 0


def _spool_mib(value: Any) -> int:
    if 0 < _whole(value) <= LARGEST_SPOOL_MIB:
        return _whole(value)
    raise ConfigError(
        f"spool_mib must be a number of MiB from 1 to {LARGEST_SPOOL_MIB}, not {value!r}.",
        f"Correct {PREFIX}SPOOL_MIB, or spool_mib in {FILE_NAME}.",
    )


def _port(name: str, value: Any) -> int:
    if 0 < _whole(value) < 65_536:
        return _whole(value)
    raise ConfigError(
        f"{name} must be a port from 1 to 65535, not {value!r}.",
        f"Correct {PREFIX}{name.upper()}, or {name} in {FILE_NAME}.",
    )


def _web_address(name: str, value: Any) -> str:
    advice = f"It looks like https://farm.example.org. Correct {PREFIX}{name.upper()}, or {name} in {FILE_NAME}."
    wrong = ConfigError(f"{name} must be an http or https address, not {value!r}.", advice)
    if not isinstance(value, str):
        raise wrong
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.username is not None or parts.password is not None:
        # The value is not repeated: it holds a password.
        raise ConfigError(f"{name} must not carry a name or password.", advice)
    plain = value.isascii() and value.isprintable() and " " not in value
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not plain:
        raise wrong
    if parts.query or parts.fragment:
        raise wrong
    return value.rstrip("/")
