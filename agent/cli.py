"""``stepfarm-agent``: the command line of a device."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from agent.client import AGENT_DOUBLED, OrchestratorClient
from agent.clock import SystemClock
from agent.config import Settings, load_settings
from agent.device.describe import describe
from agent.device.doctor import Status, checks
from agent.errors import Refused, StateError, StepfarmError, Unwanted
from agent.exports import Exports
from agent.holdings import commands as holdings_commands
from agent.holdings.register import Register
from agent.identity import Identity, enrol, forget, read_identity
from agent.locking import alone_in
from agent.loop import Agent
from agent.measure import isolation
from agent.measure.cooling import MOST_COOLING_S
from agent.measure.simulated.child import command_of
from agent.measure.simulated.device import description_of
from agent.measure.simulated.profiles import PROFILES, ProfileName
from agent.measure.turn import Turn
from agent.rotation import rotate_key
from agent.signals import stopping_on_signals
from agent.spool import UNOWNED, Spool
from agent.telling import teller
from agent.untold import Untold
from agent.wire.codec import to_plain
from agent.wire.enrolment import DeviceDescription
from agent.work import Tools

PACE_S = 0.5
"""A pass of a simulated device by default: slow enough to watch a sweep, fast enough not to wait for it."""

LONGEST_PACE_S = 600.0

UNWANTED = 78
"""The exit code of an agent that the orchestrator will not have: EX_CONFIG of sysexits(3), for a service manager."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``stepfarm-agent``; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, load_settings(os.environ)))
    except StepfarmError as error:
        print(f"stepfarm-agent: {error}", file=sys.stderr)
        return UNWANTED if isinstance(error, Unwanted) else 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepfarm-agent", description="Measures Vision Transformers on this device for a Stepfarm orchestrator."
    )
    parser.add_argument("--version", action="version", version=f"stepfarm-agent {version('stepfarm')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("enroll", help="join a fleet with a join code")
    command.add_argument("url", metavar="URL", help="address of the orchestrator, such as https://farm.example.org")
    command.add_argument("--code", required=True, help="the join code that `stepfarm enroll-code` printed")
    command.add_argument("--name", help="what to call this device (default: its host name)")
    _take_ca(command, "; remembered for `run`")
    _take_profile(command, "enrol a simulated device of this profile; no hardware is timed")
    command.set_defaults(run=_enroll)

    command = commands.add_parser("run", help="measure until stopped")
    _take_ca(command, "")
    _take_profile(command, "for a simulated device: another profile, for this run")
    command.add_argument(
        "--pace",
        type=_seconds,
        metavar="SECONDS",
        help=f"for a simulated device: how long a pass takes (default: {PACE_S:g})",
    )
    command.set_defaults(run=_run)

    command = commands.add_parser("status", help="who this device is, and what waits to be sent")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_status)

    holdings_commands.add(commands)

    command = commands.add_parser("doctor", help="what this device is, and what would make its numbers better")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_doctor)

    command = commands.add_parser("unenroll", help="forget the orchestrator")
    command.add_argument(
        "--force", action="store_true", help="even where readings still wait to be sent: they are set aside"
    )
    command.set_defaults(run=_unenroll)
    return parser


def _take_ca(command: argparse.ArgumentParser, more: str) -> None:
    command.add_argument("--ca", metavar="FILE", help=f"trust the authorities in this PEM file alone{more}")


def _take_profile(command: argparse.ArgumentParser, text: str) -> None:
    names = [name.value for name in ProfileName]
    command.add_argument("--simulate", choices=names, metavar="PROFILE", help=f"{text}: {', '.join(names)}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_PACE_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {LONGEST_PACE_S:g}")
    return seconds


def _enroll(options: argparse.Namespace, settings: Settings) -> int:
    profile = ProfileName(options.simulate) if options.simulate else None
    with alone_in(settings.agent_home, program="stepfarm-agent"):
        identity = enrol(
            settings.agent_home,
            url=options.url,
            code=options.code,
            name=options.name or default_name(profile),
            description=_description(profile),
            profile=profile,
            ca=options.ca or settings.ca,
        )
    print(f"Enrolled as {_who(identity)}, device {identity.device_id} of {identity.url}.")
    print(f"Start {'measuring' if profile is None else 'simulating'} with: stepfarm-agent run")
    return 0


def default_name(profile: ProfileName | None = None) -> str:
    """The host name as a device's name, with the profile of a simulated device after it."""
    ending = "" if profile is None else f"-{profile.value}"
    host = re.sub(r"[^A-Za-z0-9_.-]+", "-", platform.node()).strip("-_.")
    return (host[: 63 - len(ending)] or "device") + ending


def _description(profile: ProfileName | None) -> DeviceDescription:
    return describe() if profile is None else description_of(PROFILES[profile])


def _who(identity: Identity) -> str:
    """The device's name, never without the mark of a simulated one."""
    return identity.name if identity.profile is None else f"{identity.name} (simulated: {identity.profile.value})"


def _run(options: argparse.Namespace, settings: Settings) -> int:
    identity = _as_simulated(_identity(settings, options), options)
    client = OrchestratorClient(identity.url, identity.key, ca=options.ca or settings.ca or identity.ca)
    clock = SystemClock()
    tell = teller(settings.log_format, device=identity.name, clock=clock)
    tools = Tools(
        client=client,
        spool=Spool(settings.agent_home / "spool", tell=tell, most_bytes=settings.spool_mib * 2**20),
        untold=Untold(settings.agent_home),
        register=Register(settings.agent_home),
        clock=clock,
        rng=random.Random(),  # noqa: S311  # jitter
        tell=tell,
        child=_child_of(identity, pace_s=PACE_S if options.pace is None else options.pace),
        rotate_key=lambda: rotate_key(settings.agent_home, client, tell=tell),
        exports=Exports(settings.agent_home / "exports") if identity.profile is None else None,
        # What is simulated never cools, and any number may go on at a time.
        cool_down_s=MOST_COOLING_S if identity.profile is None else 0.0,
        turn=Turn() if identity.profile is None else None,
    )
    agent = Agent(tools)
    with alone_in(settings.agent_home, program="stepfarm-agent"), stopping_on_signals(agent.stop, second_ends=True):
        tell(f"{_who(identity)} works for {identity.url}. Ctrl-C stops it; what was measured is kept.")
        try:
            agent.run(_description(identity.profile))
        except Refused as refusal:
            raise _explained(refusal, tools.spool, settings.agent_home / "spool") from None
    tell("Stopped.")
    return 0


def _as_simulated(identity: Identity, options: argparse.Namespace) -> Identity:
    """The identity with the profile of this run.

    Raises:
        StateError: the device is a real one, and would hand over what was never measured on it.
    """
    if identity.profile is None and (options.simulate is not None or options.pace is not None):
        raise StateError(
            f"{identity.name} is enrolled as a real device: simulated readings never go under its name.",
            "Enrol a simulated device beside it: "
            f"STEPFARM_HOME=DIRECTORY stepfarm-agent enroll {identity.url} --code CODE --simulate PROFILE",
        )
    return identity if options.simulate is None else replace(identity, profile=ProfileName(options.simulate))


def _child_of(identity: Identity, *, pace_s: float) -> Sequence[str]:
    if identity.profile is None:
        return isolation.COMMAND
    return command_of(identity.profile, identity.name, pace_s=pace_s)


def _explained(refusal: Refused, spool: Spool, folder: Path) -> Unwanted:
    """What the end of this agent means to its owner, and where the readings are that were not sent."""
    message, advice = refusal.message, refusal.advice
    if refusal.type == AGENT_DOUBLED:
        message = "Two agents work with the identity of this device. The other began later; this one has stopped."
        advice = (
            "Stop one of the two for good. Where this machine is a copy of the other (a cloned SD card, an image), "
            "give it an identity of its own: stepfarm-agent unenroll --force, then enroll it with a new code."
        )
    waiting = len(spool.waiting())
    kept = f"{_passes(waiting)} to be sent, kept in {folder}." if waiting else "Nothing waits to be sent."
    return Unwanted(message, f"{advice} {kept}".strip())


def _count(passes: int) -> str:
    return "1 pass" if passes == 1 else f"{passes} passes"


def _passes(number: int) -> str:
    return f"{_count(number)} {'waits' if number == 1 else 'wait'}"


def _identity(settings: Settings, options: argparse.Namespace) -> Identity:
    identity = read_identity(settings.agent_home)
    if identity is None or identity.device_id is None:
        wish = f" --simulate {options.simulate}" if options.simulate else ""
        raise StateError(
            "This device is not enrolled.",
            f"Get a code from the operator (stepfarm enroll-code), then: stepfarm-agent enroll URL --code CODE{wish}",
        )
    return identity


def _status(options: argparse.Namespace, settings: Settings) -> int:
    identity = read_identity(settings.agent_home)
    spool = Spool(settings.agent_home / "spool")
    waiting, aside = len(spool.waiting()), len(spool.aside())
    if options.json:
        enrolled = identity is not None and identity.device_id is not None
        known = None
        if identity is not None:
            profile = identity.profile.value if identity.profile else None
            known = {
                "url": identity.url,
                "name": identity.name,
                "device_id": identity.device_id,
                "simulated": profile,
            }
        counts = {"passes_waiting": waiting, "passes_set_aside": aside}
        print(json.dumps({"enrolled": enrolled, "identity": known, **counts}))
        return 0
    if identity is None or identity.device_id is None:
        print("Not enrolled.")
    else:
        print(f"Enrolled as {_who(identity)}, device {identity.device_id} of {identity.url}.")
    print(f"Passes waiting to be sent: {waiting}.")
    if aside:
        print(f"Passes set aside, damaged, refused or unowned: {aside}, in {settings.agent_home / 'spool'}.")
    return 0


def _doctor(options: argparse.Namespace, _settings: Settings) -> int:
    description, found = describe(), checks()
    if options.json:
        print(json.dumps({"device": to_plain(description), "checks": [to_plain(check) for check in found]}, indent=2))
    else:
        print(f"{description.hardware} ({description.kind.value}), {description.processor}")
        for check in found:
            print(f"  {check.status.value:8} {check.name}: {check.found}")
            if check.advice:
                print(f"           {check.advice}")
    return 1 if any(check.status is Status.PROBLEM for check in found) else 0


def _unenroll(options: argparse.Namespace, settings: Settings) -> int:
    spool = Spool(settings.agent_home / "spool")
    with alone_in(settings.agent_home, program="stepfarm-agent"):
        waiting = len(spool.waiting())
        if waiting and not options.force:
            raise StateError(
                f"{_passes(waiting)} to be sent and would have no owner.",
                "Run stepfarm-agent run until they are sent, or give --force to set them aside in the spool.",
            )
        disowned = spool.disown()
        Untold(settings.agent_home).forget()
        was_enrolled = forget(settings.agent_home)
    if disowned:
        print(f"Set aside: {_count(disowned)}, in {settings.agent_home / 'spool' / UNOWNED}.")
    print("This device has forgotten its orchestrator." if was_enrolled else "This device was not enrolled.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
