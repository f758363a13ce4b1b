"""How numbers, times and names read on a page, and how foreign text is kept from being taken for markup."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from agent.errors import StepfarmError
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import ModelFacts, Workload
from orchestrator.analysis.steps import StepsOutcome
from orchestrator.views import CurveSummary

NS_PER_MS = 1_000_000
MINUS = "\N{MINUS SIGN}"
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


def no_steps(outcome: StepsOutcome) -> str:
    """Why no step is shown: that none was found is another thing than that none could have been."""
    return {
        StepsOutcome.TOO_NOISY: "too noisy to say",
        StepsOutcome.TOO_FEW: "too few token counts to say",
    }.get(outcome, "none found")


def moment(epoch_ms: int) -> str:
    """A time in UTC to the minute."""
    return f"{datetime.fromtimestamp(epoch_ms / 1_000, tz=timezone.utc):%Y-%m-%d %H:%M} UTC"


def workload_words(workload: Workload, facts: ModelFacts) -> str:
    """What the model was run with, the image size and threads as the device found them."""
    threads = "1 thread" if facts.threads == 1 else f"{facts.threads} threads"
    return (
        f"batch {workload.batch_size} · {facts.image_size} px · {workload.data_type.value} · "
        f"{workload.runtime.value} · {workload.processor.value} · {threads}"
    )


def curve_label(summary: CurveSummary) -> str:
    """What a list of curves calls this one."""
    simulated = " (simulated)" if summary.device_kind is DeviceKind.SIMULATED else ""
    return (
        f"{summary.device}{simulated} · {summary.model} · batch {summary.workload.batch_size} · "
        f"{moment(summary.created_ms)} · #{summary.id}"
    )


def plain(text: str) -> str:
    """``text`` so that Markdown shows it as it is, but for `code` between backticks.

    Devices and other people choose some of what is shown: without this an image in a sensor's name would make the
    browser of whoever looks ask a foreign server for it.
    """
    text = text.replace("\n", " ").replace("\r", " ")
    # Backticks that stand together or alone pair in ways of their own.
    if "``" in text or text.count("`") % 2:
        return _escaped(text)
    return "`".join(part if index % 2 else _escaped(part) for index, part in enumerate(text.split("`")))


def error_words(error: StepfarmError) -> str:
    """What happened and what to do, as Markdown."""
    return f"**{plain(error.message)}**\n\n{plain(error.advice)}"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
