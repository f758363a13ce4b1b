"""How numbers, times and names read on a page, and how foreign text is kept from being taken for markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from agent.errors import StepfarmError
from agent.wire.jobs import ModelFacts, Workload
from orchestrator.analysis.steps import Step, StepsOutcome
from orchestrator.choosing import device_of
from orchestrator.counting import counted
from orchestrator.views import CurveSummary

NS_PER_MS = 1_000_000
MINUS = "\N{MINUS SIGN}"
_ADDRESS = re.compile(r"((?:https?://|www\.)[^\s`]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
"""What Markdown makes a link of by itself, however its characters are escaped."""
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])")


def milliseconds(latency_ns: float) -> str:
    """A latency to three significant digits: "0.123 ms", "1.23 ms", "12.3 ms", "123 ms"."""
    return f"{latency_ns / NS_PER_MS:.{_digits(latency_ns)}f} ms"


def interval(low_ns: float, high_ns: float) -> str:
    """An interval of latencies, with the digits of its upper end and one more: "45.98 to 46.52 ms"."""
    digits = min(_digits(high_ns) + 1, 3)
    return f"{low_ns / NS_PER_MS:.{digits}f} to {high_ns / NS_PER_MS:.{digits}f} ms"


def _digits(latency_ns: float) -> int:
    size = abs(latency_ns) / NS_PER_MS
    return next((digits for limit, digits in ((1, 3), (10, 2), (100, 1)) if size < limit), 0)


def percent(value: float, *, signed: bool = False) -> str:
    """A percentage with one decimal, its sign written even where it is plus if ``signed``."""
    text = f"{value:+.1f} %" if signed else f"{value:.1f} %"
    return text.replace("-", MINUS)


def confidence(step: Step) -> str:
    """How sure a step is, which one that rests on doubted points alone is not; empty where its method did not say."""
    if step.confidence <= 0:
        return ""
    # Never 100 %: the share of curves without a step on which nothing as clear is found is no certainty.
    text = f"{min(99.9, 100 * step.confidence):.1f} %"
    return f"{text}, doubted" if step.doubted else text


def standing(steps: Sequence[Step]) -> str:
    """How many of ``steps`` are confirmed and how many are candidates, never in one number: "2 candidates"."""
    confirmed = sum(step.confirmed for step in steps)
    words = (f"{confirmed:,} confirmed" if confirmed else "", counted(len(steps) - confirmed, "candidate"))
    return ", ".join(filter(None, words if confirmed < len(steps) else words[:1]))


def no_steps(outcome: StepsOutcome) -> str:
    """Why no step is shown: that none was found is another thing than that none could have been."""
    return {
        StepsOutcome.TOO_NOISY: "too noisy to say",
        StepsOutcome.TOO_FEW: "too few token counts to say",
    }.get(outcome, "none found")


def moment(epoch_ms: int) -> str:
    """A time in UTC to the minute."""
    return f"{datetime.fromtimestamp(epoch_ms / 1_000, tz=timezone.utc):%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """A length of time as people say it: "a few seconds", "40 s", "12 min", "3 h 5 min", "9 days"."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{round(minutes / 1_440)} days"


def still(seconds: float) -> str:
    """How long something still takes, which is an estimate: "about 2 min left", "a few seconds left"."""
    words = span(seconds)
    return f"{words} left" if words.startswith("a ") else f"about {words} left"


def ago(then_ms: int, now_ms: int) -> str:
    """How long since: "just now", "40 s ago". A time in the future, by another clock, is just now."""
    seconds = (now_ms - then_ms) / 1_000
    return "just now" if seconds < 10 else f"{span(seconds)} ago"


def workload_words(workload: Workload, facts: ModelFacts) -> str:
    """What the model was run with, the image size and threads as the device found them."""
    threads = "1 thread" if facts.threads == 1 else f"{facts.threads} threads"
    return (
        f"batch {workload.batch_size} · {facts.image_size} px · {workload.data_type.value} · "
        f"{workload.runtime.value} · {workload.processor.value} · {threads}"
    )


def curve_label(summary: CurveSummary) -> str:
    """What a list of curves calls this one."""
    return (
        f"{device_of(summary)} · {summary.model} · batch {summary.workload.batch_size} · "
        f"{moment(summary.created_ms)} · #{summary.id}"
    )


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is, but for `code` between backticks, which addresses become too.

    Devices and other people choose some of what is shown: without this an image in a sensor's name would make the
    browser of whoever looks ask a foreign server for it, and an address would be a link that the farm seems to offer.
    """
    text = text.replace("\n", " ").replace("\r", " ")
    # Backticks that stand together or alone pair in ways of their own.
    if "``" in text or text.count("`") % 2:
        return _without_links(text)
    parts = text.split("`")
    return "".join(f"`{part}`" if index % 2 else _beside(part, index, len(parts)) for index, part in enumerate(parts))


def _beside(part: str, index: int, parts: int) -> str:
    """The ``part`` between two codes. One that it makes itself must not touch them: backticks would run together."""
    text = _without_links(part)
    before = " " if index and text.startswith("`") else ""
    after = " " if index + 1 < parts and text.endswith("`") else ""
    return f"{before}{text}{after}"


def _without_links(text: str) -> str:
    pieces = _ADDRESS.split(text)
    return "".join(f"`{piece}`" if index % 2 else _escaped(piece) for index, piece in enumerate(pieces))


def error_words(error: StepfarmError) -> str:
    """What happened and what to do, as Markdown."""
    return f"**{plain(error.message)}**\n\n{plain(error.advice)}"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
