"""The sections of the curve page, from the headline down to the conditions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from agent.wire.enrolment import DeviceKind
from dashboard import chart_data, device_words, places, tables
from dashboard.charts import curve_chart
from dashboard.shelf import Look
from dashboard.wording import interval, milliseconds, moment, no_steps, percent, plain, standing, workload_words
from orchestrator.analysis.advice import advice_for
from orchestrator.analysis.analyse import METHOD_VERSION, Analysis
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.doubt_words import doubted_passes, doubted_points
from orchestrator.analysis.steps import StepsOutcome
from orchestrator.counting import counted
from orchestrator.views import CurveSummary, CurveView, DeviceView, JobView

IN_MIND = "tokens-in-mind"
FROM_ZERO = "From zero, half as high is twice as fast. Off, small steps are easier to see."


def headline(summary: CurveSummary) -> None:
    """What the curve is of."""
    st.markdown(f"#### {plain(summary.model)} on {plain(summary.device)}")
    st.caption(f"{workload_words(summary.workload, summary.facts)} · begun {moment(summary.created_ms)}")
    with st.container(horizontal=True):
        work: dict[str, str | int] = {"model": summary.model, "batch": summary.workload.batch_size}
        places.link(places.COMPARE, "Compare with others", work, icon=places.COMPARE.icon)
        places.link(places.SCHEDULES, "Its schedules", {"curves": summary.id}, icon=places.SCHEDULES.icon)
    if summary.device_kind is DeviceKind.SIMULATED:
        st.warning(
            "**Simulated device.** No hardware was timed: these latencies are made up, for a demonstration or a test.",
            icon=":material/science:",
        )
    if summary.imported_ms is not None:
        st.info(
            f"**Imported {moment(summary.imported_ms)}.** No device of this fleet measured it: what it is of is what "
            "its file said.",
            icon=":material/upload_file:",
        )


def progress(summary: CurveSummary, job: JobView | None) -> None:
    """How far the job is that still adds to the curve; an imported one has none."""
    readings = f"{summary.readings:,} readings so far"
    if job is None:
        st.progress(1.0, text=f"{summary.readings:,} readings imported; their analysis is on the way")
    elif summary.job_state.final:
        st.progress(1.0, text=f"{readings}; the job is {summary.job_state.value} and its analysis is on the way")
    elif job.progress is None or job.progress.passes_planned == 0:
        st.progress(0.0, text=f"{readings}; the job is {summary.job_state.value}")
    else:
        done, planned = job.progress.passes_done, job.progress.passes_planned
        text = f"Round {job.progress.round}: {done} of {planned} passes · {readings}"
        st.progress(min(done / planned, 1.0), text=text)
    st.caption("What stands below is of the readings so far. It will change, and the page follows by itself.")


def doubts(curve: Curve) -> None:
    """Every reason to distrust what is shown: of the curve, and apart from it of single passes and points."""
    # Where nothing was measured yet there is nothing to doubt: the page says so instead of the curve.
    if not curve.points:
        return
    if curve.doubts:
        lines = "\n".join(f"- **{doubt.reason.value}**: {plain(doubt.evidence)}" for doubt in curve.doubts)
        st.warning(f"**Reasons to doubt this curve**\n{lines}", icon=":material/warning:")
    passes, points = list(doubted_passes(curve)), list(doubted_points(curve))
    if not passes and not points:
        return
    number = sum(bool(factor.doubts) for factor in curve.factors)
    at = len({count for doubt in curve.point_doubts for count in doubt.tokens})
    title = f"Doubted: {number} of {counted(len(curve.factors), 'pass')}, {at} of {counted(len(curve.points), 'point')}"
    with st.expander(title, icon=":material/rule:"):
        for name, told in (("Passes", passes), ("Points", points)):
            if told:
                st.markdown("\n".join([f"**{name}**", *(f"- {plain(line)}" for line in told)]))
        if not curve.doubts:
            st.caption("They are too few to doubt the curve.")


def outdated(view: CurveView) -> None:
    """That an older version of the method found what is shown."""
    if view.outdated:
        st.info(
            f"Found by version {view.analysis.method_version} of the method; today's is version {METHOD_VERSION}. "
            f"`stepfarm curves reanalyse {view.summary.id}` finds anew what the readings say.",
            icon=":material/history:",
        )


def metrics(analysis: Analysis, summary: CurveSummary) -> None:
    """The figures that a person asks for first, each with its interval, and the doubt beside it."""
    curve, doubted = analysis.curve, " · doubted" if analysis.curve.doubts else ""
    full = curve.full
    columns = st.columns(4)
    if full is not None:
        name = "Full model" if full.tokens == summary.facts.tokens else "Largest count so far"
        text = f"{full.tokens} tokens · 95 %: {interval(full.low_ns, full.high_ns)}{doubted}"
        _metric(columns[0], name, milliseconds(full.latency_ns), text)
    else:
        _metric(columns[0], "Full model", "—", "no reading was accepted yet")
    choices = analysis.recommendation.choices
    if choices:
        best = choices[0]
        reach = f"{percent(best.saves_low_percent)} to {percent(best.saves_high_percent)}"
        text = f"at {best.tokens} tokens · 95 %: {reach}{doubted}"
        _metric(columns[1], "Best sweet spot saves", percent(best.saves_percent), text)
    else:
        why = "no smaller count is clearly faster" if full else "no reading was accepted yet"
        _metric(columns[1], "Best sweet spot saves", "—", why)
    steps = analysis.steps.steps
    up = sum(step.change_ns > 0 for step in steps)
    if steps:
        confirmed = sum(step.confirmed for step in steps)
        name, number = ("Confirmed steps", confirmed) if confirmed else ("Candidate steps", len(steps))
        _metric(columns[2], name, str(number), f"{standing(steps)} · {up} up, {len(steps) - up} down{doubted}")
    else:
        _metric(columns[2], "Steps", "—", f"{no_steps(analysis.steps.outcome)}{doubted}")
    total = curve.readings + curve.rejected
    share = 100 * curve.rejected / total if total else 0.0
    _metric(columns[3], "Readings", f"{total:,}", f"{percent(share)} rejected · {len(curve.factors)} passes")


def _metric(column: st.delta_generator.DeltaGenerator, label: str, value: str, text: str) -> None:
    with column.container(border=True, height="stretch"):
        st.metric(label, value)
        st.caption(text)


def chart(look: Look) -> None:
    """The curve itself, and what of its readings to draw."""
    analysis = look.view.analysis
    if not analysis.curve.points:
        st.info("No reading was accepted yet, so there is no curve to draw.", icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True):
        accepted = st.toggle("Accepted readings", value=True, key="show-accepted")
        rejected = st.toggle(f"Rejected readings ({analysis.curve.rejected:,})", value=False, key="show-rejected")
        from_zero = st.toggle("Latency from zero", value=True, key="latency-from-zero", help=FROM_ZERO)
    drawn = chart_data.drawn_readings(analysis.curve, look.readings, accepted=accepted, rejected=rejected)
    # The slider stands below the chart and is read before it is drawn.
    place = st.container()
    shown = _shown(look.view.summary.id, analysis.curve)
    place.altair_chart(curve_chart(analysis, drawn.frame, shown, from_zero=from_zero), width="stretch")
    notes = [
        "The slider zooms. In the chart, drag to move, hold Shift and turn the wheel to zoom, double-click to go back.",
        "Readings are drawn as measured; the median divides each pass by its speed factor.",
    ]
    if drawn.outside:
        far = percent(100 * chart_data.DRAWN_WITHIN).replace(".0", "")
        notes.append(f"Not drawn because they lie more than {far} off the median: {drawn.outside:,}.")
    if drawn.every > 1:
        notes.append(f"Of the others, one in {drawn.every} is drawn.")
    st.caption(" ".join(notes))


def _shown(curve_id: int, curve: Curve) -> tuple[int, int]:
    """The range of token counts to look at, all of them until somebody moves the slider."""
    counts = [point.tokens for point in curve.points]
    first, last = counts[0], counts[-1]
    if len(counts) == 1:
        return first, last
    # While a curve grows new counts come in: the slider then begins anew.
    low, high = st.select_slider("Tokens shown", counts, (first, last), key=f"shown-{curve_id}-{len(counts)}")
    return low, high


def recommendation(analysis: Analysis) -> None:
    """What to prune to, as far as this curve can tell."""
    st.markdown("##### Recommendation :orange-badge[unverified]")
    choices = analysis.recommendation.choices
    if choices:
        best = choices[0]
        st.markdown(
            f"Keep **{best.tokens} tokens**, remove {best.removed}: that saves at most "
            f"**{percent(best.saves_percent)}** of the latency. It is {plain(best.reason)}."
        )
        _table(tables.choices_table(choices))
    st.caption(plain(analysis.recommendation.note))


def outcome(analysis: Analysis) -> None:
    """That no step was found, or that nobody can tell: results too, with words of their own. Nothing where some are."""
    found = analysis.steps
    if found.outcome is StepsOutcome.FOUND or not analysis.curve.points:
        return
    explanation = plain(found.explanation)
    words = f"{explanation[:1].upper()}{explanation[1:]}."
    if found.outcome is StepsOutcome.NONE:
        st.info(
            f"**No step found.** {words} Every token costs about as much as the next.", icon=":material/show_chart:"
        )
    else:
        name = no_steps(found.outcome)
        st.warning(
            f"**{name[:1].upper()}{name[1:]} whether there are steps.** {words} That none is shown does not mean that "
            "there is none.",
            icon=":material/blur_on:",
        )


def steps(analysis: Analysis) -> None:
    """Where latency jumps: confirmed steps and candidates, each in a table of its own."""
    found = analysis.steps.steps
    st.markdown(f"##### Steps :gray-badge[{standing(found) if found else no_steps(analysis.steps.outcome)}]")
    confirmed = [step for step in found if step.confirmed]
    candidates = [step for step in found if not step.confirmed]
    if confirmed:
        st.markdown("Confirmed by paired timing")
        _table(tables.steps_table(confirmed))
    if candidates:
        st.markdown("Candidates, not confirmed by paired timing")
        _table(tables.steps_table(candidates))
    if found:
        explanation = plain(analysis.steps.explanation)
        st.caption(
            f"{explanation[:1].upper()}{explanation[1:]}. *Lies after*: where the step is, with a probability of 95 %. "
            "*Confidence*: the share of curves without any step on which nothing as clear is found."
        )


def advice(analysis: Analysis, in_mind: int | None, put_in_address: Callable[[int | None], None]) -> None:
    """What to do about a token count that a person has in mind, which stands in the address."""
    full = analysis.curve.full
    if full is None:
        return
    st.markdown("##### A token count in mind")
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    possible = in_mind is None or in_mind <= full.tokens
    # The address is the truth; the box shows it.
    st.session_state[IN_MIND] = in_mind if possible else None
    left.number_input(
        "Tokens",
        min_value=1,
        max_value=full.tokens,
        step=1,
        placeholder=f"1 to {full.tokens}",
        key=IN_MIND,
        on_change=lambda: put_in_address(st.session_state[IN_MIND]),
    )
    if in_mind is None:
        right.caption("Type one, to hear whether to keep some more for free, or to drop some more and save.")
    else:
        right.info(plain(advice_for(analysis, in_mind).words), icon=":material/lightbulb:")


def sweet_spots(analysis: Analysis) -> None:
    """The counts worth choosing."""
    st.markdown("##### Sweet spots")
    full = analysis.curve.full
    if full is not None:
        _table(tables.sweet_spots_table(analysis.sweet_spots, full.tokens))
    st.caption("Token counts that no larger count matches in latency. Savings are against the largest count measured.")


def conditions(look: Look, device: DeviceView | None) -> None:
    """What was measured, on what, and how the device felt meanwhile."""
    summary = look.view.summary
    with st.expander("Device, workload and conditions", icon=":material/thermostat:"):
        left, right = st.columns(2)
        with left:
            _facts({"Device": summary.device, **(device_words.facts(device) if device else {})})
        with right:
            _facts(_model_facts(look))
        _table(tables.passes_table(look.view.analysis.curve, look.readings.passes))
        st.caption(
            "One row a pass, before → after. The warmest sensor, and the mean of the CPU clocks. "
            "A speed factor of 1.1 means 10 % slower than usual at all counts."
        )
        gaps = tables.gaps_of(look.readings.passes, device.description.gaps if device else ())
        if gaps:
            st.markdown("**Not known**\n" + "\n".join(f"- {plain(gap)}" for gap in gaps))


def _model_facts(look: Look) -> dict[str, str]:
    summary = look.view.summary
    analysis = look.view.analysis
    return {
        "Model": f"{summary.model}, {summary.facts.blocks} blocks",
        "Tokens": f"{summary.facts.tokens}, of these {summary.facts.prefix_tokens} class and register tokens",
        "Workload": workload_words(summary.workload, summary.facts),
        "Runtime": f"{summary.workload.runtime.value} {summary.facts.runtime_version}",
        "Job": "none here: imported" if summary.imported else f"{summary.job_id}, {summary.job_state.value}",
        "Method": f"{analysis.method}, version {analysis.method_version}",
        "Readings": f"{summary.readings:,}, of these {summary.accepted:,} accepted",
    }


def _facts(facts: dict[str, str]) -> None:
    st.markdown("\n".join(f"- **{name}**: {plain(value)}" for name, value in facts.items()))


def _table(frame: object) -> None:
    st.dataframe(frame, hide_index=True, width="stretch")
