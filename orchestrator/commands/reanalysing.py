"""``stepfarm curves reanalyse``: old curves anew from their readings. The orchestrator does it, this looks on."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agent.clock import Clock, SystemClock
from agent.config import Settings
from orchestrator.commands.output import print_json, take_json
from orchestrator.counting import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from orchestrator.client import Client
    from orchestrator.views import ReanalysisFailure, ReanalysisView

POLL_S = 0.5


def add(subcommands: _SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    command = subcommands.add_parser(
        "reanalyse",
        help="analyse curves anew from their readings",
        description="Analyses curves anew from their readings: those named, or those whose result is of an older "
        "version of the method. The orchestrator does it; stopped here, it goes on, and the same command follows it.",
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument("curves", type=int, nargs="*", default=[], metavar="CURVE", help="numbers of curves")
    which.add_argument("--all", action="store_true", help="every curve, whatever version its result is of")
    take_json(command)
    command.set_defaults(run=_reanalyse)


def _reanalyse(options: argparse.Namespace, _settings: Settings) -> int:
    from orchestrator.client import Client

    client = Client()
    asked = client.reanalyse(options.curves, everything=options.all)
    try:
        ended = followed(client, asked, clock=SystemClock(), stop=threading.Event())
    except KeyboardInterrupt:
        print("The orchestrator goes on with it. The same command follows it.", file=sys.stderr)
        raise
    # What somebody else asked for and could not be done is not told to whoever named other curves.
    named = frozenset(options.curves)
    failures = tuple(one for one in ended.failures if not named or one.curve in named)
    if options.json:
        print_json(ended)
    else:
        print(in_words(ended, asked=asked.waiting, failures=failures))
    return 1 if failures else 0


def followed(client: Client, asked: ReanalysisView, *, clock: Clock, stop: threading.Event) -> ReanalysisView:
    """How it stands once nothing waits any more or ``stop`` is set; meanwhile a bar is shown on the error stream."""
    from tqdm import tqdm

    now, most = asked, asked.waiting
    with tqdm(total=most, desc="analysed", unit="curve", disable=most == 0, dynamic_ncols=True) as bar:
        while now.waiting and not clock.wait(stop, POLL_S):
            now = client.reanalysis()
            # Somebody else may have asked for more meanwhile.
            most = max(most, now.waiting)
            bar.total, bar.n = most, most - now.waiting
            bar.refresh()
    return now


def in_words(ended: ReanalysisView, *, asked: int, failures: Sequence[ReanalysisFailure]) -> str:
    """What came of ``asked`` curves, for a terminal; ``failures`` are those of them that could not be analysed."""
    version = f"version {ended.method_version} of the method"
    if not asked and not failures:
        return f"Nothing to do: {_standing(ended, version)}"
    done = max(asked - len(failures) - ended.waiting, 0)
    lines = [f"{counted(done, 'curve')} analysed anew by {version}."]
    if failures:
        lines.append(f"{counted(len(failures), 'curve')} could not be. What was found before still stands:")
        lines += [f"  curve {one.curve}: {one.failure}" for one in failures]
    return "\n".join(lines)


def _standing(view: ReanalysisView, version: str) -> str:
    if not view.current:
        return "there is no curve yet."
    return f"{counted(view.current, 'curve')}, all analysed by {version}."
