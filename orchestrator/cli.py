"""``stepfarm``: the command line of people."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from agent.config import load_settings
from agent.errors import StepfarmError
from agent.wire.codec import WireError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``stepfarm``; the exit code."""
    if importlib.util.find_spec("numpy") is None:
        print(
            "stepfarm: this is a base install, which holds the agent alone: stepfarm-agent --help.\n"
            "  For this command: pip install 'stepfarm[orchestrator]', or 'stepfarm[torch]' to measure alone.",
            file=sys.stderr,
        )
        return 1
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options, load_settings(os.environ)))
    except StepfarmError as error:
        print(f"stepfarm: {error}", file=sys.stderr)
        return 1
    except WireError as error:
        # An option that is out of its range: the field is named like the option.
        print(f"stepfarm: {error}\n  See stepfarm COMMAND --help.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nothing may be written to it any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser() -> argparse.ArgumentParser:
    from orchestrator.commands import curves, database, demo, fleet, measure, serve, sweeps

    parser = argparse.ArgumentParser(
        prog="stepfarm",
        description="Finds where one more pruned token makes a Vision Transformer faster, on real devices.",
    )
    parser.add_argument("--version", action="version", version=f"stepfarm {version('stepfarm')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for subject in (demo, measure, serve, fleet, sweeps, curves, database):
        subject.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
