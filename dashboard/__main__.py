"""``python -m dashboard --port N``: the dashboard, as this very process."""

from __future__ import annotations

import argparse
import os

from agent.config import PREFIX, load_settings
from agent.errors import StepfarmError
from dashboard.launch import command


def main() -> None:
    """Become the dashboard; whoever started this process can stop it by its number."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument("--port", type=int, help="the loopback port; by default the one that the settings name")
    parser.add_argument("--ca", metavar="FILE", help="trust the authorities in this PEM file alone, for https")
    options = parser.parse_args()
    port: int | None = options.port
    if options.ca is not None:
        os.environ[f"{PREFIX}CA"] = options.ca  # execv keeps it
    try:
        settings = load_settings(os.environ)
    except StepfarmError as error:
        parser.exit(2, f"{error}\n")
    arguments = command(port or settings.dashboard_port)
    os.execv(arguments[0], arguments)  # noqa: S606  # a fixed list of arguments, and no shell is wanted


if __name__ == "__main__":
    main()
