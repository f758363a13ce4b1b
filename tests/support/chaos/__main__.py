"""``make chaos``, which is ``python -m tests.support.chaos``."""

from __future__ import annotations

import argparse
import sys

from tests.support.chaos.run import chaos


def main() -> int:
    """Run, and print the figures; 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Kill, pause, cut off and fill up a farm; compare.")
    parser.add_argument("--kills", type=int, default=300, help="of processes (default: 300)")
    parser.add_argument("--devices", type=int, default=3, help="at work (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="gives what befalls whom, not when it meets them")
    parser.add_argument("--verbose", action="store_true", help="print what the agents said")
    options = parser.parse_args()

    def tell(line: str) -> None:
        print(f"\r{line} ", end="", file=sys.stderr, flush=True)

    ended = chaos(kills=options.kills, devices=options.devices, seed=options.seed, tell=tell)
    print(file=sys.stderr)
    if options.verbose:
        print("\n".join(ended.told))
    for title, counts in (
        ("befell", ended.befell),
        ("connections", ended.connections),
        ("attempts", ended.verdict.endings),
    ):
        print(f"{title}: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    print(ended.line())
    return 0 if ended.verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
