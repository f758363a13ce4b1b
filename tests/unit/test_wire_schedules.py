from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.codec import WireError, decode, encode
from agent.wire.schedules import Method, Schedule


def once(method: Method = Method.ONE_MORE, *, block: int = 3, keep: int = 141, prefix_tokens: int = 1) -> Schedule:
    return Schedule.pruned_once(method, tokens=197, prefix_tokens=prefix_tokens, blocks=12, block=block, keep=keep)


def test_a_single_prune_leaves_all_tokens_before_its_block_and_the_kept_ones_from_it_on() -> None:
    schedule = once(block=3, keep=141)

    assert schedule.leaving == (197,) * 3 + (141,) * 9
    assert schedule.entering == (197,) * 4 + (141,) * 8


def test_a_schedule_survives_the_wire() -> None:
    assert decode(Schedule, encode(once())) == once()


def test_a_schedule_that_keeps_all_prunes_nothing() -> None:
    assert not once(keep=197).prunes
    assert once(keep=196).prunes


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(("keep", "prefix_tokens", "said"), [(198, 1, "must not be above"), (1, 1, "at least")])
def test_more_after_than_before_and_fewer_than_the_method_can_leave_are_refused_by_block(
    method: Method, keep: int, prefix_tokens: int, said: str
) -> None:
    with pytest.raises(WireError, match=rf"leaving\[3\]: must .*{said}|leaving\[3\]: {said}"):
        once(method, keep=keep, prefix_tokens=prefix_tokens)


def test_methods_that_fuse_leave_one_patch_and_the_fused_token_at_the_least() -> None:
    assert once(Method.EVIT, keep=3).leaving[-1] == 3
    assert once(Method.TOP_K, keep=2).leaving[-1] == 2
    for method, keep in ((Method.EVIT, 2), (Method.TOP_K, 1)):
        with pytest.raises(WireError, match="at least"):
            once(method, keep=keep)


def test_merging_halves_the_patches_at_most() -> None:
    assert once(Method.TOKEN_MERGING, keep=99).leaving[-1] == 99
    with pytest.raises(WireError, match="at least 99"):
        once(Method.TOKEN_MERGING, keep=98)


@pytest.mark.parametrize("block", [-1, 12])
def test_a_block_that_is_not_there_is_refused(block: int) -> None:
    with pytest.raises(WireError, match="between 0 and 11"):
        once(block=block)


def test_a_model_that_is_all_prefix_is_refused() -> None:
    with pytest.raises(WireError, match="fewer than all tokens"):
        Schedule(method=Method.RANDOM, tokens=4, prefix_tokens=4, leaving=(4,))


@given(
    method=st.sampled_from(Method),
    tokens=st.integers(2, 300),
    prefix_tokens=st.integers(0, 6),
    leaving=st.lists(st.integers(1, 300), min_size=1, max_size=6),
)
def test_what_is_accepted_never_grows_and_never_eats_the_prefix(
    method: Method, tokens: int, prefix_tokens: int, leaving: list[int]
) -> None:
    try:
        schedule = Schedule(method=method, tokens=tokens, prefix_tokens=prefix_tokens, leaving=tuple(leaving))
    except WireError:
        return
    assert all(after <= before for before, after in zip(schedule.entering, schedule.leaving, strict=True))
    assert all(count > prefix_tokens for count in schedule.leaving)
