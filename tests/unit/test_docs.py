"""The documents are tested: they mention everything there is, and what they show works."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import agent.cli
import orchestrator.cli
import stepfarm
from agent.config import PREFIX, Settings
from agent.wire.codec import MAX_BODY_BYTES, MAX_DEPTH
from agent.wire.conditions import DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.fields import MOST_TOKENS
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from agent.wire.readings import MOST_READINGS
from orchestrator.analysis.sweet_spots import SweetSpotKind
from orchestrator.api import messages, problems, sweep_routes
from orchestrator.api.application import create_application
from orchestrator.jobs import dispatch
from orchestrator.jobs.states import MOVES
from orchestrator.storage.tables import Table

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PROGRAMS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "stepfarm": orchestrator.cli._parser,
    "stepfarm-agent": agent.cli._parser,
}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block of code: where it stands, its language and its lines."""

    where: str
    language: str
    text: str


def blocks(path: Path) -> Iterator[Block]:
    for found in re.finditer(r"^ *```(\w*)\n(.*?)^ *```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        yield Block(f"{name_of(path)}, {found[1]}", found[1], found[2])


def prose(path: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def commands_of(program: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command without further commands below it, in full, with its parser."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield program, parser
    for action in below:
        for name, command in action.choices.items():
            yield from commands_of(f"{program} {name}", command)


COMMANDS = dict(command for program, make_parser in PROGRAMS.items() for command in commands_of(program, make_parser()))


def routes() -> set[str]:
    def nothing() -> object:
        raise AssertionError("describing the routes needs no orchestrator")

    paths = create_application(nothing).openapi()["paths"]  # type: ignore[arg-type]  # nobody starts it
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return described | {"GET /openapi.json"}


def test_every_route_is_in_the_wire_document() -> None:
    text = page("docs/wire.md")
    assert {route for route in routes() if f"`{route}`" not in text} == set()


def test_the_wire_document_names_no_route_that_is_not_there() -> None:
    shown = set(re.findall(r"^\| `((?:GET|POST) [^`]+)`", page("docs/wire.md"), re.MULTILINE))
    assert shown - routes() == set()


def test_every_refusal_is_in_the_wire_document() -> None:
    text = page("docs/wire.md")
    rows = {name: f"| {status} | " for status, name in problems.STATUS.values()}
    lines = text.splitlines()
    missing = {
        name
        for name, start in rows.items()
        if not any(line.startswith(start) and f"`{name}`" in line for line in lines)
    }
    assert missing == set()


def test_the_limits_of_the_code_are_in_the_wire_document() -> None:
    text = page("docs/wire.md").split("## Limits")[1].split("## ")[0]
    for row in (
        f"| body | {MAX_BODY_BYTES // 2**20} MiB, nested at most {MAX_DEPTH} levels;",
        f"| token counts | 1 to {MOST_TOKENS:,} |",
        f"| readings of a batch | 1 to {MOST_READINGS:,} |",
        f", {sweep_routes.MOST_JOBS:,} jobs |",
        f"| the newest {messages.NEWEST} |",
    ):
        assert row in text


def test_the_times_of_a_lease_are_in_the_wire_document() -> None:
    text = page("docs/wire.md")
    assert f"A lease lasts {dispatch.LEASE_S:.0f} s" in text
    assert f"every {dispatch.HEARTBEAT_S:.0f} s" in text
    assert f"`retry_after_s` ({dispatch.RETRY_S:.0f} s)" in text


def test_the_wire_document_has_the_protocol_version() -> None:
    assert f"`{PROTOCOL_HEADER}: {PROTOCOL_VERSION}`" in page("docs/wire.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_operating_document(command: str) -> None:
    assert re.search(rf"`{command}`", page("docs/operating.md"))


@pytest.mark.parametrize(("command", "parser"), COMMANDS.items(), ids=list(COMMANDS))
def test_every_option_of_a_command_is_in_the_operating_document(command: str, parser: argparse.ArgumentParser) -> None:
    text = page("docs/operating.md")
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    assert {option for option in options if f"`{option}`" not in text} == set()


def test_the_operating_document_names_no_command_that_is_not_there() -> None:
    shown = set(re.findall(r"^\| `(stepfarm(?:-agent)? [a-z -]+)` +\|", page("docs/operating.md"), re.MULTILINE))
    known = {*COMMANDS, "stepfarm up --without-ray"}
    assert shown - known == set()


def test_every_setting_is_in_the_operating_document() -> None:
    text = page("docs/operating.md")
    names = {f"{PREFIX}{setting.name.upper()}" for setting in fields(Settings)}
    assert set(re.findall(r"^\| `(STEPFARM_[A-Z_]+)` \|", text, re.MULTILINE)) >= names


def test_every_default_port_is_in_the_operating_document() -> None:
    text = page("docs/operating.md")
    settings = Settings(home=ROOT)
    for name, port in (("port", settings.port), ("dashboard_port", settings.dashboard_port)):
        assert re.search(rf"\| `{PREFIX}{name.upper()}` \|.*\| {port} \|", text)


def test_no_document_names_a_setting_that_is_not_there() -> None:
    known = {f"{PREFIX}{setting.name.upper()}" for setting in fields(Settings)}
    shown = {name for path in PAGES for name in re.findall(r"\bSTEPFARM_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))}
    assert shown - known == set()


def test_every_table_is_in_the_architecture_document() -> None:
    text = page("docs/architecture.md")
    shown = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert shown == set(Table.metadata.tables)


def test_the_picture_of_a_jobs_life_has_the_moves_of_the_code_and_no_others() -> None:
    (picture,) = [block.text for block in blocks(ROOT / "docs/architecture.md") if "stateDiagram-v2" in block.text]
    drawn = [(before, after) for before, after in re.findall(r"^ *(\S+) --> (\S+)$", picture, re.MULTILINE)]
    moves = {(before, after) for before, after in drawn if "[*]" not in (before, after)}
    assert moves == {(before.value, after.value) for before, afters in MOVES.items() for after in afters}
    assert {after for before, after in drawn if before == "[*]"} == {"queued"}
    assert {before for before, after in drawn if after == "[*]"} == {state.value for state in MOVES if state.final}


def test_the_table_of_a_jobs_life_has_the_moves_of_the_code_and_no_others() -> None:
    shown = re.findall(r"^\| `(\w+) --> (\w+)` \|", page("docs/architecture.md"), re.MULTILINE)
    assert sorted(shown) == sorted((before.value, after.value) for before, afters in MOVES.items() for after in afters)


def test_every_kind_of_device_doubt_and_sweet_spot_is_explained() -> None:
    assert {kind.value for kind in DeviceKind if kind.value not in page("docs/architecture.md")} == set()
    method = page("docs/method.md")
    assert {doubt.value for doubt in DoubtReason if doubt.value not in method} == set()
    assert {kind.value for kind in SweetSpotKind if f"| {kind.value} |" not in method} == set()


def anchors(path: Path) -> set[str]:
    """The anchors that the headings of a page get."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{name_of(path)}: {link}"
        assert there.is_relative_to(ROOT), f"{name_of(path)}: {link}"
        assert not anchor or anchor in anchors(there), f"{name_of(path)}: {link}"


def quoted_commands(path: Path) -> list[str]:
    """The commands of ours in the blocks of a page and, in full, in its sentences."""
    lines = [
        line.strip().removeprefix("$ ")
        for block in blocks(path)
        if block.language in {"sh", "console"}
        for line in block.text.splitlines()
    ]
    lines += re.findall(r"`((?:stepfarm|stepfarm-agent) [^`]+)`", prose(path)) if path.name == "README.md" else []
    return [line for line in lines if line.split(" ")[0].rpartition("/")[2] in PROGRAMS]


@pytest.mark.parametrize(
    "command", [command for path in PAGES for command in quoted_commands(path)], ids=lambda command: str(command)[:60]
)
def test_every_command_that_a_document_shows_is_understood(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(command, comments=True)
    try:
        PROGRAMS[program.rpartition("/")[2]]().parse_args(arguments)
    except SystemExit as end:
        pytest.fail(f"{command}: exit code {end.code}: {capsys.readouterr().err}")


def test_the_readme_shows_the_ways_in() -> None:
    shown = " ".join(quoted_commands(ROOT / "README.md"))
    for command in ("stepfarm measure", "stepfarm up", "stepfarm enroll-code", "stepfarm-agent run", "sweep create"):
        assert command in shown


def test_every_target_of_make_that_a_document_shows_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", page("Makefile"), re.MULTILINE))
    shown = {
        name
        for path in PAGES
        for name in re.findall(r"(?:^ {4}|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= shown
    assert shown - targets == set()


PYTHON = [block for path in PAGES for block in blocks(path) if block.language == "python"]


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.where)
def test_every_python_example_compiles_and_imports_public_names(block: Block) -> None:
    compile(block.text, block.where, "exec")
    imported = re.findall(r"^from stepfarm import (.+)$", block.text, re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names <= set(stepfarm.__all__)


def test_decisions_are_numbered_without_gaps_and_say_their_number() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:5] for path in decisions] == [f"{number:04d}-" for number in range(1, len(decisions) + 1)]
    for number, path in enumerate(decisions, start=1):
        assert path.read_text().startswith(f"# {number}. "), path.name


def test_there_are_python_examples() -> None:
    assert PYTHON


def test_changelog_and_citation_name_this_version() -> None:
    version = re.search(r'^version = "(.+)"$', page("pyproject.toml"), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in page("CHANGELOG.md")
    assert f"\nversion: {version[1]}\n" in page("CITATION.cff")
    assert "arXiv:2407.05941" in page("CITATION.cff")
