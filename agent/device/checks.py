"""What a check of ``stepfarm-agent doctor`` says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """How a check came out. A problem prevents measuring, a warning makes measurements worse."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what was ``found`` and, where that is not well, what to do."""

    name: str
    status: Status
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """A check that came out well."""
    return Check(name=name, status=Status.OK, found=found)


def warning(name: str, found: str, advice: str) -> Check:
    """A check that found what makes measurements worse."""
    return Check(name=name, status=Status.WARNING, found=found, advice=advice)


def problem(name: str, found: str, advice: str) -> Check:
    """A check that found what prevents measuring."""
    return Check(name=name, status=Status.PROBLEM, found=found, advice=advice)
