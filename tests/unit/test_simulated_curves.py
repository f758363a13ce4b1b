from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from agent.measure.simulated.curves import plateau
from agent.measure.simulated.profiles import PROFILES, Profile, ProfileName
from agent.wire.jobs import DataType, Workload

MODEL = "deit_tiny_patch16_224"
ONE_THREAD = Workload(threads=1)
EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES.values(), ids=[name.value for name in PROFILES])


def steps_after(name: ProfileName, model: str = MODEL, workload: Workload = ONE_THREAD) -> list[int]:
    return [step.after_tokens for step in PROFILES[name].steps(model, workload)]


def latencies(name: ProfileName, model: str = MODEL, workload: Workload = ONE_THREAD) -> tuple[float, ...]:
    return PROFILES[name].curve(model, workload).latencies_ns


def test_every_name_has_its_profile() -> None:
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in ProfileName}


@EVERY_PROFILE
def test_every_profile_is_described_in_its_document(profile: Profile) -> None:
    page = (Path(__file__).parents[2] / "docs/simulated.md").read_text(encoding="utf-8")
    assert f"| `{profile.name.value}` | {profile.about} |" in page


@EVERY_PROFILE
@pytest.mark.parametrize("model", ["test_vit", MODEL, "vit_small_patch14_reg4_dinov2", "vit_so400m_patch14_siglip_384"])
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_latency_is_there_for_every_count_and_positive(profile: Profile, model: str, batch_size: int) -> None:
    curve = profile.curve(model, Workload(batch_size=batch_size))
    assert min(curve.latencies_ns) > 0
    assert all(1 <= step.after_tokens < len(curve.latencies_ns) for step in curve.steps)


def test_stairs_are_flat_but_for_their_steps() -> None:
    curve = PROFILES[ProfileName.STAIRS].curve(MODEL, ONE_THREAD)
    changes = {
        tokens: after - before
        for tokens, (before, after) in enumerate(pairwise(curve.latencies_ns), start=1)
        if after != before
    }
    assert changes == {step.after_tokens: step.change_ns for step in curve.steps}
    assert list(changes) == [64, 128, 192]
    assert min(changes.values()) > 0.2 * curve.latency_ns(1)


def test_a_larger_batch_makes_narrower_plateaus_down_to_16_tokens() -> None:
    assert [plateau(64, batch_size) for batch_size in (1, 4, 16, 64, 4_096)] == [64, 32, 16, 16, 16]
    assert steps_after(ProfileName.STAIRS, workload=Workload(batch_size=4)) == [32, 64, 96, 128, 160, 192]


def test_a_sawtooth_drops_at_every_16th_token_and_climbs_in_between() -> None:
    curve = PROFILES[ProfileName.SAWTOOTH].curve(MODEL, ONE_THREAD)
    drops = [tokens for tokens, (before, after) in enumerate(pairwise(curve.latencies_ns), start=1) if after < before]
    assert drops == [step.after_tokens for step in curve.steps] == list(range(15, 192, 16))
    assert all(step.change_ns < 0 for step in curve.steps)


def test_the_drops_of_a_sawtooth_are_of_the_size_that_was_measured() -> None:
    """Measured on DeiT-S: 11.5 % at 15, 3.6 % at 127, 4.9 % at 191."""
    values = latencies(ProfileName.SAWTOOTH)
    falls = {after: 1 - values[after] / values[after - 1] for after in (15, 127, 191)}
    assert 0.08 < falls[15] < 0.20
    assert 0.02 < falls[191] < falls[127] < 0.06


def test_a_flat_start_hides_the_first_stairs_behind_the_host() -> None:
    values = latencies(ProfileName.FLAT_START)
    assert steps_after(ProfileName.FLAT_START) == [64, 96, 128, 160, 192]
    assert len(set(values[:64])) == 1
    assert len(set(values)) == 6


def test_a_model_too_small_for_its_gpu_has_no_steps() -> None:
    assert steps_after(ProfileName.FLAT_START, "test_vit") == []


@pytest.mark.parametrize("name", [ProfileName.DRIFT, ProfileName.THROTTLE, ProfileName.NOISE])
def test_what_happens_meanwhile_changes_nothing_of_the_true_stairs(name: ProfileName) -> None:
    assert latencies(name) == latencies(ProfileName.STAIRS)


@EVERY_PROFILE
def test_latency_grows_with_the_batch_and_the_model_and_falls_with_half_precision(profile: Profile) -> None:
    def all_tokens(model: str, workload: Workload) -> float:
        return profile.curve(model, workload).latencies_ns[-1]

    base = all_tokens("deit_base_patch16_224", ONE_THREAD)
    assert 3 < all_tokens("deit_base_patch16_224", Workload(batch_size=4, threads=1)) / base < 4.1
    assert base > 2 * all_tokens("deit_small_patch16_224", ONE_THREAD)
    assert all_tokens("deit_base_patch16_224", Workload(threads=1, data_type=DataType.BFLOAT16)) < 0.7 * base


def test_threads_share_the_work_of_a_cpu() -> None:
    one, four = (latencies(ProfileName.STAIRS, workload=Workload(threads=threads))[-1] for threads in (1, 4))
    assert 2 < one / four < 4
