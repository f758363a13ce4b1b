"""Requests made from the OpenAPI description, as each role would send them: none may be answered by 5xx.

    make fuzz                         minutes, against an orchestrator of its own
    make fuzz ARGS="--examples 2000"  longer

Half of what is sent fits the description, half does not; numbers and names in paths are half of the time those of
things that are there. What is sent follows from the seed, so a failure comes again.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from orchestrator.analysis.planning import Plan
from tests.support.filling import begun, enrolled
from tests.support.plain_http import ask, json_of
from tests.support.serving import Served, serving

TIMEOUT_S = 30
FIRST_KEYS = range(1, 100)
FEW = Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4)


@dataclass
class Found:
    """What came of it: how often each status was answered, and each request that was answered by 5xx."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """An orchestrator, a key for each role, and names and numbers of things that are there."""

    url: str
    keys: Mapping[str, str | None]
    places: Mapping[str, Any]


def a_target(served: Served) -> Target:
    """A farm with a device, a job, a curve and keys."""
    operator = served.client
    device = enrolled(served.url, operator, "board")
    job = begun(device, operator, plan=FEW)
    job.post(0)
    viewer = operator.new_key("fuzz")
    code = operator.new_join_code()
    sweep = operator.sweeps()[0]
    keys = {"no key": None, "device": device.key, "viewer": viewer.secret, "operator": served.operator_key}
    places = {
        "sha256": "0" * 64,
        "job_id": job.job_id,
        "sweep_id": sweep.id,
        "curve_id": job.curve_id,
        "join_code_id": code.id,
        # Another's: one that is rotated or revoked would end what is to be tried with it.
        "key_id": operator.new_key("to-be-changed").key.id,
        "name": enrolled(served.url, operator, "to-be-changed").name,
    }
    return Target(served.url, keys, places)


def fuzz(target: Target, *, examples: int, start: int, tell: Callable[[str], None] = lambda _line: None) -> Found:
    """Send ``examples`` requests for each route, whether they fit the description or not, as each role."""
    found = Found()
    description = json_of(ask(target.url, "GET", "/openapi.json"))
    schema = schemathesis.openapi.from_dict(description)
    for operation in _operations(schema):
        for mode in schemathesis.GenerationMode:
            _try(target, operation, mode, found, examples=examples, start=start)
        tell(f"{operation.method.upper()} {operation.path}: {len(found.broken)} broken so far")
    return found


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def _try(target: Target, operation: Any, mode: Any, found: Found, *, examples: int, start: int) -> None:
    """Send what is made up as each role, one after the other: making it up takes longer than sending it."""

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def one(case: Any, there: bool) -> None:
        case.path_parameters = {
            # The first keys are those that all this is sent with.
            name: target.places[name] if there or value in FIRST_KEYS else value
            for name, value in (case.path_parameters or {}).items()
        }
        for key in target.keys.values():
            answer = case.call(base_url=target.url, headers=_headers(key), timeout=TIMEOUT_S)
            found.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                found.broken.append(f"{case.as_curl_command()} -> {answer.status_code} {answer.text[:300]}")

    # Unsatisfiable: nothing can be sent to this route that does not fit its description.
    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        one()


def _headers(key: str | None) -> dict[str, str]:
    version = {PROTOCOL_HEADER: str(PROTOCOL_VERSION)}
    return version if key is None else {**version, "Authorization": f"Bearer {key}"}


def main() -> int:
    """Fuzz an orchestrator of its own; 1 where one answer was a 5xx."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="requests a route, role and mode (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        found = fuzz(a_target(served), examples=options.examples, start=options.seed, tell=print)
    for one in found.broken[:20]:
        print(one)
    counts = ", ".join(f"{status}: {count:,}" for status, count in sorted(found.statuses.items()))
    print(f"{found.statuses.total():,} requests ({counts}); answered by 5xx: {len(found.broken)}")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
