from __future__ import annotations

import pytest

from agent.errors import MeasurementFailed
from agent.vit.kept import kept_tokens
from agent.wire.jobs import FailureReason


@pytest.mark.parametrize("prefix_tokens", [0, 1, 5])
def test_exactly_so_many_tokens_are_kept_ascending_and_with_the_whole_prefix(prefix_tokens: int) -> None:
    for tokens in range(prefix_tokens + 1, 198):
        kept = kept_tokens(tokens, all_tokens=197, prefix_tokens=prefix_tokens)
        assert len(kept) == tokens
        assert list(kept) == sorted(set(kept))
        assert kept[:prefix_tokens] == tuple(range(prefix_tokens))
        assert kept[-1] < 197


def test_with_all_tokens_nothing_is_moved() -> None:
    assert kept_tokens(197, all_tokens=197, prefix_tokens=1) == tuple(range(197))


def test_patches_are_evenly_spread() -> None:
    kept = kept_tokens(50, all_tokens=197, prefix_tokens=1)
    assert kept[1:] == tuple(range(1, 197, 4))


@pytest.mark.parametrize("tokens", [1, 198])
def test_a_count_that_the_model_cannot_be_cut_to_is_refused_with_the_range(tokens: int) -> None:
    with pytest.raises(MeasurementFailed, match=f"{tokens} tokens") as refused:
        kept_tokens(tokens, all_tokens=197, prefix_tokens=1)
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
    assert "2 to 197" in refused.value.advice
