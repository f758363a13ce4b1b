"""The checks of ``doctor`` on how the device feels, and what would make its numbers better. Rules of values alone."""

from __future__ import annotations

from collections.abc import Mapping

from agent.device.checks import Check, ok, warning
from agent.wire.conditions import Conditions
from agent.wire.enrolment import DeviceKind

LEAST_MEMORY_BYTES = 500 * 1024**2
"""torch and a small model take about this much."""
MOST_LOAD_A_CORE = 0.3
STEADY_GOVERNORS = {"performance", "userspace"}
HOT_CELSIUS = 75.0
"""A Raspberry Pi slows down from 80 degrees: above this there is little room left."""

STEADIER_CLOCKS = {
    DeviceKind.JETSON: (
        "For steadier curves, as root: jetson_clocks --store, then jetson_clocks (jetson_clocks --restore undoes it)"
    ),
    DeviceKind.TERMUX: "Without root nothing can be done: each pass is divided by its own factor.",
}
USUAL_STEADIER_CLOCKS = "For steadier curves, as root: cpupower frequency-set -g performance"

AGAINST = {
    "under-voltage": "Use the maker's power supply with a short, thick cable.",
    "over-current": "Choose a lower power mode (nvpmodel -m), or a stronger power supply.",
    "power cap": "Let the GPU draw more (nvidia-smi -pl), or fix its clocks below the cap (nvidia-smi -lgc).",
    "quota": "Lift the CPU quota of the container or service, or measure outside of it.",
}
"""What helps, by a word in the name of what throttles."""
TO_ASK_FIRMWARE = (
    "vcgencmd comes with Raspberry Pi OS (package raspi-utils) and is for the group video: "
    "sudo usermod -aG video USER, then log in anew."
)
AGAINST_HEAT = "Cool it: a fan, a heat sink, free air."


def check_memory(now: Conditions) -> Check:
    """Whether a small model fits."""
    if now.memory_available_bytes is None:
        advice = "Start with small models: a measurement that runs out of memory is ended."
        return warning("memory", "the system does not tell how much is free", advice)
    found = f"{now.memory_available_bytes / 1024**2:.0f} MiB free"
    if now.memory_available_bytes >= LEAST_MEMORY_BYTES:
        return ok("memory", found)
    needed = f"{LEAST_MEMORY_BYTES / 1024**2:.0f} MiB"
    return warning("memory", found, f"Close other programs: a small model needs about {needed}.")


def check_cores(now: Conditions, there_are: int | None) -> Check:
    """Whether all cores may be used."""
    if not now.cores_allowed or there_are is None:
        return ok("cores", "the system does not tell which cores may be used")
    found = f"{len(now.cores_allowed)} of {there_are} may be used"
    if len(now.cores_allowed) >= there_are:
        return ok("cores", found)
    advice = "Fine if you mean it. Otherwise lift the limit (taskset, cgroup; on a phone keep Termux in front)."
    return warning("cores", found, advice)


def check_core_speed(now: Conditions, fastest_mhz: Mapping[int, float]) -> Check | None:
    """Whether the fast cores are among those that may be used; None where the system does not tell.

    Args:
        now: the conditions.
        fastest_mhz: the highest rate of each core, by its number.
    """
    allowed = [fastest_mhz[core] for core in now.cores_allowed if core in fastest_mhz]
    if not allowed:
        return None
    best, best_allowed = max(fastest_mhz.values()), max(allowed)
    found = f"cores allowed reach {best_allowed:.0f} MHz"
    if best_allowed >= best:
        return ok("core speed", found)
    advice = "Only slow cores may be used. On a phone keep Termux in front with the screen on; elsewhere see taskset."
    return warning("core speed", f"{found}, others {best:.0f} MHz", advice)


def check_quota(now: Conditions) -> Check:
    """Whether a control group stops this process when it has used up its time."""
    if now.cores_quota is None:
        return ok("quota", "no control group limits processor time")
    found = f"a control group allows {now.cores_quota:g} cores' worth of time"
    return warning("quota", found, f"{AGAINST['quota']} With fewer threads than that it does no harm.")


def check_load(now: Conditions) -> Check:
    """Whether the machine is quiet."""
    if now.load is None:
        return ok("load", "the system does not tell its load")
    cores = max(1, len(now.cores_allowed))
    found = f"{now.load:.2f} over the last minute, on {cores} core{'s' if cores > 1 else ''}"
    if now.load <= MOST_LOAD_A_CORE * cores:
        return ok("load", found)
    return warning(
        "load", found, "Stop other work on the device while it measures: readings taken beside it are rejected."
    )


def check_governor(now: Conditions, kind: DeviceKind) -> Check:
    """Whether the clocks of the cores stand still."""
    if now.governor is None:
        advice = "Nothing to do; drift is watched by repeating one token count."
        return warning("governor", "clocks cannot be seen on this device", advice)
    if set(now.governor.split(", ")) <= STEADY_GOVERNORS:
        return ok("governor", now.governor)
    if _are_locked(now, "cpu"):
        return ok("governor", f"{now.governor}, with locked clocks")
    advice = f"Clocks move with the load. {STEADIER_CLOCKS.get(kind, USUAL_STEADIER_CLOCKS)}"
    return warning("governor", now.governor, advice)


def check_temperature(now: Conditions) -> Check:
    """How hot the device is."""
    if not now.temperatures:
        advice = "Nothing to do; heat is inferred from repeating one token count."
        return warning("temperature", "no sensor can be read", advice)
    hottest = max(now.temperatures, key=lambda temperature: temperature.celsius)
    sensors = "the only sensor" if len(now.temperatures) == 1 else f"the hottest of {len(now.temperatures)} sensors"
    found = f"{hottest.celsius:.0f} C at {hottest.sensor}, {sensors}"
    return ok("temperature", found) if hottest.celsius < HOT_CELSIUS else warning("temperature", found, AGAINST_HEAT)


def check_throttling(now: Conditions) -> Check:
    """Whether something slows the device down, or has since it was started."""
    happened = [f"{counter.name}: {counter.count}" for counter in now.counters if counter.count]
    told = [*(f"{flag} (now)" for flag in now.throttled), *happened]
    if told:
        return warning("throttling", ", ".join(told), _against(told))
    gap = next((gap for gap in now.gaps if gap.startswith("throttling: ")), None)
    if gap is None:
        return ok("throttling", "none, now or since the start")
    advice = "Nothing to do; throttling is inferred from repeating one token count."
    return warning("throttling", gap.removeprefix("throttling: "), TO_ASK_FIRMWARE if "vcgencmd" in gap else advice)


def check_turbo(turbo: bool | None) -> Check | None:  # noqa: FBT001  # it is the whole subject
    """Whether the processor exceeds its base clock while it is cool; None where it does not tell."""
    if turbo is None:
        return None
    if not turbo:
        return ok("turbo", "off")
    advice = (
        "Fine if it will run so. Turbo falls with heat: for steadier curves turn it off, as root, by writing 1 to "
        "/sys/devices/system/cpu/intel_pstate/no_turbo, or 0 to /sys/devices/system/cpu/cpufreq/boost."
    )
    return warning("turbo", "on", advice)


def check_power_mode(now: Conditions, modes: Mapping[int, str]) -> Check:
    """Whether a Jetson runs in its fastest power mode.

    Args:
        now: the conditions.
        modes: the names of the power modes by their numbers.
    """
    # Their numbers differ: on some modules 0 is the fastest, on others the slowest.
    fastest = {number: name for number, name in modes.items() if name.startswith("MAXN")}
    advice = "Measure in the mode that the device will run in."
    if fastest:
        number = max(fastest, key=lambda number: (len(fastest[number]), -number))
        advice += f" Its fastest: sudo nvpmodel -m {number} ({fastest[number]})"
    if now.power_mode is None:
        return warning("power mode", "it cannot be told", f"{advice} See: sudo nvpmodel -q")
    return (
        ok("power mode", now.power_mode) if "MAXN" in now.power_mode else warning("power mode", now.power_mode, advice)
    )


def check_gpu_clock(now: Conditions) -> Check:
    """Whether the clock of a Jetson's GPU stands still."""
    clocks = [clock for clock in now.clocks if clock.domain.startswith("gpu ")]
    if not clocks:
        return warning(
            "gpu clock", "it cannot be read", "Nothing to do; drift is watched by repeating one token count."
        )
    found = ", ".join(f"{clock.mhz:.0f} of at most {clock.max_mhz or clock.mhz:.0f} MHz" for clock in clocks)
    if _are_locked(now, "gpu"):
        return ok("gpu clock", f"{found}, locked")
    advice = f"It moves with the load. {STEADIER_CLOCKS[DeviceKind.JETSON]}"
    return warning("gpu clock", found, advice)


def check_foreground(now: Conditions) -> Check:
    """Whether the phone treats Termux as what its owner looks at."""
    advice = "Keep Termux in front and the screen on: apps in the background get the little cores alone."
    if now.group is None:
        return warning("foreground", "Android does not tell", advice)
    if now.group in ("top-app", "foreground"):
        return ok("foreground", now.group)
    return warning("foreground", f"the process is in the group {now.group}", advice)


def check_battery(now: Conditions) -> Check:
    """Whether the phone is charged, and its battery can be asked for its heat."""
    if now.power_mode is None:
        advice = (
            "pkg install termux-api, install the app Termux:API from where Termux came from, open it once, and exempt "
            "it from battery optimisation: then the heat of the battery is known."
        )
        return warning("battery", "termux-battery-status does not answer", advice)
    if "on battery" in now.power_mode:
        return warning(
            "battery", now.power_mode, "Plug it in: on battery Android saves power, and then ends the agent."
        )
    return ok("battery", now.power_mode)


def check_wake_lock() -> Check:
    """What keeps a phone awake, which no app can read."""
    advice = (
        "Run termux-wake-lock before stepfarm-agent run, and exempt Termux from battery optimisation in Android's "
        "settings; otherwise the phone sleeps in mid-curve."
    )
    return warning("wake lock", "Android does not tell whether one is held", advice)


def _are_locked(now: Conditions, kind: str) -> bool:
    """Whether every clock of this kind may have one rate alone."""
    clocks = [clock for clock in now.clocks if clock.domain.startswith(f"{kind} ")]
    return bool(clocks) and all(clock.min_mhz is not None and clock.min_mhz == clock.max_mhz for clock in clocks)


def _against(told: list[str]) -> str:
    advices = [advice for word, advice in AGAINST.items() if any(word in one for one in told)]
    of_heat = any(not any(word in one for word in AGAINST) for one in told)
    return " ".join([*advices, *([AGAINST_HEAT] if of_heat else []), "A pass in which it happens is doubted."])
