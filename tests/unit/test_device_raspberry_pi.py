from __future__ import annotations

from pathlib import Path

import pytest

from agent.device.raspberry_pi import FLAGS, flags_of, generation_of
from agent.measure.quality import doubts_of_pass
from agent.wire.conditions import ClockRate, Conditions, DoubtReason, Temperature
from tests.support.device_trees import device, gaps_of


@pytest.mark.parametrize(
    ("name", "hardware", "processor"),
    [
        ("raspberry-pi-3-denied", "Raspberry Pi 3 Model B Rev 1.2 (revision a02082)", "Cortex-A53 x 4"),
        ("raspberry-pi-4", "Raspberry Pi 4 Model B Rev 1.4 (revision c03114)", "Cortex-A72 x 4"),
        ("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0 (revision d04170)", "Cortex-A76 x 4"),
    ],
)
def test_a_raspberry_pi_names_model_revision_and_cores(
    name: str, hardware: str, processor: str, tmp_path: Path
) -> None:
    description = device(name, tmp_path).describe()
    assert (description.hardware, description.processor) == (hardware, processor)


@pytest.mark.parametrize(
    ("model", "generation"),
    [
        ("Raspberry Pi 3 Model B Plus Rev 1.3", 3),
        ("Raspberry Pi 4 Model B Rev 1.4", 4),
        ("Raspberry Pi Compute Module 4 Rev 1.0", 4),
        ("Raspberry Pi 500 Rev 1.0", None),
        ("Raspberry Pi Zero 2 W Rev 1.0", None),
    ],
)
def test_the_generation_is_known_by_the_models_name(model: str, generation: int | None) -> None:
    assert generation_of(model) == generation


@pytest.mark.parametrize("bit", FLAGS)
def test_each_bit_of_the_mask_is_a_flag_now_or_a_counter_since_boot(bit: int) -> None:
    now, since = flags_of(1 << bit)
    assert now == (FLAGS[bit],)
    assert [counter.count for counter in since] == [0, 0, 0, 0]
    now, since = flags_of(1 << (bit + 16))
    assert now == ()
    assert {counter.name: counter.count for counter in since if counter.count} == {f"{FLAGS[bit]} since boot": 1}


def pass_between(before: str, after: str, root: Path) -> list[DoubtReason]:
    """The reasons to doubt a pass between two answers of get_throttled."""
    first, second = (
        device("raspberry-pi-4", root / str(number), **{"vcgencmd get_throttled": f"throttled=0x{mask}"}).conditions()
        for number, mask in enumerate((before, after))
    )
    return [doubt.reason for doubt in doubts_of_pass((), 197, first, second)]


@pytest.mark.parametrize(
    ("before", "after", "doubted"),
    [
        ("0", "0", False),
        ("50000", "50000", False),  # long ago
        ("0", "50000", True),  # in between, and over again
        ("50000", "d0000", True),  # another flag
        ("50000", "50005", True),  # now
        ("50005", "50000", True),
    ],
)
def test_only_what_throttles_now_or_since_the_pass_began_is_doubted(
    before: str, after: str, doubted: bool, tmp_path: Path
) -> None:
    assert (DoubtReason.THROTTLED in pass_between(before, after, tmp_path)) == doubted


def test_the_firmwares_clock_stands_beside_what_the_kernel_asked_for(tmp_path: Path) -> None:
    clocks = device("raspberry-pi-5", tmp_path).conditions().clocks
    assert clocks == (
        ClockRate(domain="cpu policy0", mhz=2_400, min_mhz=1_500, max_mhz=2_400),
        ClockRate(domain="firmware arm", mhz=1_500.007808),
    )


def test_a_fall_of_the_firmwares_clock_alone_is_a_doubt(tmp_path: Path) -> None:
    slower = {"vcgencmd measure_clock arm": "frequency(48)=1000000000"}
    before = device("raspberry-pi-4", tmp_path / "before").conditions()
    after = device("raspberry-pi-4", tmp_path / "after", **slower).conditions()
    (doubt,) = doubts_of_pass((), 197, before, after)
    assert doubt.reason is DoubtReason.CLOCKS_MOVED
    assert "firmware clock fell from 1800 to 1000 MHz" in doubt.evidence


def test_the_firmware_is_asked_for_its_temperature_only_where_the_kernel_has_none(tmp_path: Path) -> None:
    with_zone, without = (device(name, tmp_path / name) for name in ("raspberry-pi-4", "raspberry-pi-5"))
    assert with_zone.conditions().temperatures[0].sensor == "thermal_zone0 cpu-thermal"
    assert ("vcgencmd", "measure_temp") not in with_zone.asked
    assert without.conditions().temperatures == (Temperature(sensor="firmware", celsius=85.6),)


def test_vcgencmd_that_may_not_be_used_is_a_gap_and_the_kernels_alarm_stands_in(tmp_path: Path) -> None:
    conditions = device("raspberry-pi-3-denied", tmp_path).conditions()
    gaps = gaps_of(conditions)
    assert "/dev/vcio" in gaps["throttling"]
    assert "/dev/vcio" in gaps["firmware clock"]
    assert conditions.throttled == ("under-voltage (alarm of rpi_volt)",)


def test_vcgencmd_that_is_missing_is_a_gap_and_doctor_says_where_it_comes_from(tmp_path: Path) -> None:
    tree = device("raspberry-pi-4", tmp_path)
    tree.commands = {}
    assert gaps_of(tree.conditions())["firmware clock"] == "vcgencmd is not installed"
    status, found, advice = tree.checks()["throttling"]
    assert status == "warning"
    assert "vcgencmd is not installed" in found
    assert "raspi-utils" in advice
    assert "usermod -aG video" in advice


def test_doctor_warns_of_too_little_voltage_since_the_start(tmp_path: Path) -> None:
    status, found, advice = device("raspberry-pi-4", tmp_path).checks()["throttling"]
    assert (status, found) == ("warning", "under-voltage since boot: 1, throttled since boot: 1")
    assert "power supply" in advice


def test_doctor_finds_a_raspberry_pi_well_that_never_throttled(tmp_path: Path) -> None:
    tree = device("raspberry-pi-4", tmp_path, **{"vcgencmd get_throttled": "throttled=0x0"})
    assert tree.checks()["throttling"][:2] == ("ok", "none, now or since the start")


def test_no_conditions_at_all_are_no_reason_to_doubt() -> None:
    assert doubts_of_pass((), 197, Conditions(), Conditions()) == ()
