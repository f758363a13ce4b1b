"""What a refused request answers (RFC 9457, problem details)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.wire.codec import Message
from agent.wire.fields import Line, Paragraph

PROBLEM_CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Message):
    """What went wrong (``detail``) and what to do next (``advice``). ``type`` is a stable name for programs."""

    type: Line
    title: Line
    detail: Paragraph
    advice: Paragraph
