from __future__ import annotations

from pathlib import Path

import pytest

from agent.device.control_groups import cores_quota, throttled_periods
from agent.measure.quality import doubts_of_pass
from agent.wire.conditions import DoubtReason, Temperature
from tests.support.device_trees import device, gaps_of, lay_out

INTEL, AMD, OLD = "linux-intel-laptop", "linux-amd-nvidia", "linux-nvidia-old-driver"


def test_a_pc_is_described_by_its_firmware_and_processor(tmp_path: Path) -> None:
    description = device(INTEL, tmp_path).describe()
    assert description.hardware == "LENOVO 21CB"
    assert description.processor == "12th Gen Intel(R) Core(TM) i7-1260P"
    assert description.system == "Debian GNU/Linux 13 (trixie), Linux 6.12.48-amd64"


def test_a_virtual_machine_says_that_it_is_one(tmp_path: Path) -> None:
    assert device("linux-container-cgroup-2", tmp_path).describe().hardware == "virtual machine"
    lay_out(tmp_path, {"sys/class/dmi/id/sys_vendor": "QEMU\n"})
    assert device("linux-container-cgroup-2", tmp_path).describe().hardware == "QEMU (virtual machine)"


def test_how_the_processor_is_driven_is_its_power_mode(tmp_path: Path) -> None:
    assert device(INTEL, tmp_path / "intel").conditions().power_mode == (
        "intel_pstate active, turbo on, profile balanced"
    )
    amd = device(AMD, tmp_path / "amd").conditions(gpu=False)
    assert amd.power_mode == "amd_pstate active, turbo off"


def test_a_machine_that_does_not_tell_how_it_is_driven_has_a_gap(tmp_path: Path) -> None:
    assert "power mode" in gaps_of(device("linux-container-cgroup-1", tmp_path).conditions())


def test_thermal_throttles_are_counted_over_all_cores_and_a_pass_in_which_they_grow_is_doubted(tmp_path: Path) -> None:
    tree = device(INTEL, tmp_path)
    before = tree.conditions()
    assert {counter.name: counter.count for counter in before.counters} == {
        "core thermal throttles": 7,
        "package thermal throttles": 24,
    }
    lay_out(tmp_path, {"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "6\n"})
    (doubt,) = doubts_of_pass((), 197, before, tree.conditions())
    assert doubt.reason is DoubtReason.THROTTLED
    assert doubt.evidence == "counters grew during the pass: core thermal throttles by 2"


def test_only_coolers_that_slow_something_down_are_throttling(tmp_path: Path) -> None:
    # The laptop's "TCC Offset" stands at 3 and its idle powerclamp at -1, as they do when nothing is wrong.
    tree = device(INTEL, tmp_path)
    assert tree.conditions().throttled == ()
    lay_out(tmp_path, {"sys/class/thermal/cooling_device0/cur_state": "2\n"})
    assert tree.conditions().throttled == ("slowed down against heat: Processor",)


@pytest.mark.parametrize(
    ("name", "quota", "periods"), [("linux-container-cgroup-2", 1.5, 17), ("linux-container-cgroup-1", 0.5, 5)]
)
def test_the_quota_of_a_container_is_read(name: str, quota: float, periods: int, tmp_path: Path) -> None:
    conditions = device(name, tmp_path).conditions()
    assert conditions.cores_quota == quota
    assert [counter.count for counter in conditions.counters] == [periods]
    assert conditions.cores_allowed == (1, 3)


def test_the_tightest_quota_above_a_process_holds(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/outer/cpu.max": "200000 100000\n",
        "sys/fs/cgroup/outer/cpu.stat": "nr_throttled 3\n",
        "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "sys/fs/cgroup/outer/inner/cpu.stat": "nr_throttled 9\n",
    }
    lay_out(tmp_path, files)
    assert cores_quota(tmp_path) == 2.0
    assert throttled_periods(tmp_path) == 3
    lay_out(tmp_path, {"sys/fs/cgroup/outer/inner/cpu.max": "50000 100000\n"})
    assert cores_quota(tmp_path) == 0.5
    assert throttled_periods(tmp_path) == 12


@pytest.mark.parametrize("limit", ["max 100000", "0 100000", "-1 100000", "100000 0", "100000", "a b"])
def test_what_is_no_quota_limits_nothing(limit: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": limit})
    assert cores_quota(tmp_path) is None
    assert throttled_periods(tmp_path) is None


def test_a_pass_that_a_quota_stopped_is_doubted(tmp_path: Path) -> None:
    tree = device("linux-container-cgroup-2", tmp_path)
    before = tree.conditions()
    lay_out(tmp_path, {"sys/fs/cgroup/cpu.stat": "nr_periods 4300\nnr_throttled 20\n"})
    (doubt,) = doubts_of_pass((), 197, before, tree.conditions())
    assert doubt.evidence == "counters grew during the pass: periods stopped by the cpu quota by 3"


def test_doctor_warns_of_a_quota(tmp_path: Path) -> None:
    status, found, advice = device("linux-container-cgroup-2", tmp_path).checks()["quota"]
    assert (status, found) == ("warning", "a control group allows 1.5 cores' worth of time")
    assert "quota" in advice


def test_doctor_speaks_of_turbo_where_it_is_told(tmp_path: Path) -> None:
    assert device(INTEL, tmp_path / "on").checks()["turbo"][:2] == ("warning", "on")
    assert device(AMD, tmp_path / "off").checks()["turbo"][:2] == ("ok", "off")
    assert "turbo" not in device("linux-container-cgroup-1", tmp_path / "untold").checks()


def test_a_gpu_tells_heat_clock_limit_and_what_slows_it(tmp_path: Path) -> None:
    conditions = device(AMD, tmp_path).conditions()
    assert Temperature(sensor="gpu 0", celsius=61.0) in conditions.temperatures
    assert conditions.power_mode == "amd_pstate active, turbo off, gpu 0 limit 450 W"
    assert conditions.throttled == ("gpu 0: software power cap",)
    (sm,) = [clock for clock in conditions.clocks if clock.domain == "gpu 0 sm"]
    assert (sm.mhz, sm.max_mhz) == (2520, 3105)


def test_a_gpu_that_tells_only_its_heat_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    conditions = device(AMD, tmp_path).conditions()
    assert Temperature(sensor="gpu 1", celsius=44.0) in conditions.temperatures
    assert not [counter for counter in conditions.counters if counter.name.startswith("gpu 1")]


def test_time_that_a_new_driver_counts_as_slowed_grows_into_a_doubt(tmp_path: Path) -> None:
    before = device(AMD, tmp_path).conditions()
    tree = device(AMD, tmp_path)
    tree.commands = {command: str(told).replace("711320, 0,", "711320, 40,") for command, told in tree.commands.items()}
    (doubt,) = doubts_of_pass((), 197, before, tree.conditions())
    assert doubt.evidence.endswith("counters grew during the pass: gpu 0 us under software thermal slowdown by 40")


def test_an_older_driver_is_asked_again_without_the_counters(tmp_path: Path) -> None:
    conditions = device(OLD, tmp_path).conditions()
    assert conditions.throttled == ("gpu 0: software thermal slowdown",)
    assert conditions.counters == ()


def test_gpus_are_not_asked_where_nothing_runs_on_them_nor_without_a_driver(tmp_path: Path) -> None:
    tree = device(AMD, tmp_path / "amd")
    tree.conditions(gpu=False)
    assert tree.asked == []
    without = device(INTEL, tmp_path / "intel")
    assert gaps_of(without.conditions())["gpu"] == "no NVIDIA driver is loaded"
    assert without.asked == []


def test_a_driver_without_nvidia_smi_is_a_gap(tmp_path: Path) -> None:
    tree = device(AMD, tmp_path)
    tree.commands = {}
    assert gaps_of(tree.conditions())["gpu"] == "nvidia-smi is not installed"


@pytest.mark.parametrize("printed", ["No devices were found", "0, 61", "[N/A], [N/A], [N/A], [N/A], [N/A], 0x"])
def test_what_nvidia_smi_prints_that_is_no_gpu_is_a_gap(printed: str, tmp_path: Path) -> None:
    tree = device(OLD, tmp_path)
    tree.commands = {**tree.commands, list(tree.commands)[-1]: printed}
    assert printed[:10] in gaps_of(tree.conditions())["gpu"]
