"""Options that several commands take, and what is wrong with one, in the words of whoever typed it."""

from __future__ import annotations

import argparse
import re

from agent.wire.codec import WireError

CALLED = {"models": "MODEL", "devices": "--device", "labels": "--label", "batch_size": "--batch", "name": "NAME"}
"""Fields whose options have another name. Every other option is named like its field, with dashes."""

OTHERS = ("batch_size", "image_size", "min_tokens", "max_tokens")
"""Fields that the complaint about another may name."""


def take_counts(command: argparse.ArgumentParser) -> None:
    """Let ``command`` take the token counts that a person has in mind."""
    command.add_argument(
        "--tokens",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="advise on these token counts that you have in mind",
    )


def complaint_about(error: WireError, options: argparse.Namespace) -> str:
    """What ``error`` says of a message made from ``options``, with the option in the place of the field."""
    field, _, index = error.path.rpartition(".")[2].partition("[")
    option = option_of(field)
    if index:
        # Of several values the one that is meant: "models[1]".
        given = getattr(options, option.strip("-").lower(), None) or getattr(options, field, None)
        option = f"{option} {given[int(index.partition(']')[0])]}" if given else option
    complaint = re.sub(rf"\b({'|'.join(OTHERS)})\b", lambda found: option_of(found[0]), error.complaint)
    return f"{option}: {complaint}"


def option_of(field: str) -> str:
    """The option that gives ``field``."""
    return CALLED.get(field) or f"--{field.replace('_', '-')}"
