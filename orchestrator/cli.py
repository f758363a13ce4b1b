"""``stepfarm``: the command line of people."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from agent.config import PREFIX, load_settings
from agent.errors import StepfarmError
from agent.wire.codec import WireError
from orchestrator.commands.options import complaint_about
from orchestrator.commands.printable import printable, printable_stream


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``stepfarm``; the exit code."""
    if importlib.util.find_spec("numpy") is None:
        print(
            "stepfarm: this is a base install, which holds the agent alone: stepfarm-agent --help.\n"
            "  For this command: pip install 'stepfarm[orchestrator]', or 'stepfarm[torch]' to measure alone.",
            file=sys.stderr,
        )
        return 1
    options = _parser().parse_args(arguments)
    if options.ca is not None:
        # For every client that this process makes, and the dashboard that it starts.
        os.environ[f"{PREFIX}CA"] = options.ca
    try:
        with contextlib.redirect_stdout(printable_stream(sys.stdout)):
            return int(options.run(options, load_settings(os.environ)))
    except StepfarmError as error:
        print(printable(f"stepfarm: {error}"), file=sys.stderr)
        return 1
    except WireError as error:
        print(f"stepfarm: {complaint_about(error, options)}\n  See: {options.command} --help", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nothing may be written to it any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser() -> argparse.ArgumentParser:
    from orchestrator.commands import (
        accuracy,
        compare,
        curves,
        database,
        demo,
        enrolment,
        fleet,
        keys,
        measure,
        schedule,
        serve,
        steps,
        sweeps,
    )

    parser = argparse.ArgumentParser(
        prog="stepfarm",
        description="Finds where one more pruned token makes a Vision Transformer faster, on real devices.",
    )
    parser.add_argument("--version", action="version", version=f"stepfarm {version('stepfarm')}")
    parser.add_argument(
        "--ca", metavar="FILE", help="trust the authorities in this PEM file alone, for an orchestrator under https"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for subject in (
        demo,
        measure,
        serve,
        enrolment,
        fleet,
        keys,
        sweeps,
        curves,
        steps,
        compare,
        schedule,
        accuracy,
        database,
    ):
        subject.add(commands)
    _say_which(parser)
    return parser


def _say_which(parser: argparse.ArgumentParser) -> None:
    """Have the options of each command below ``parser`` say which command it is, in full."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    for command in (command for action in below for command in action.choices.values()):
        _say_which(command)
    if not below:
        parser.set_defaults(command=parser.prog)


if __name__ == "__main__":
    sys.exit(main())
