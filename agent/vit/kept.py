"""Which tokens stay when a model is cut to n tokens. Needs no torch."""

from __future__ import annotations

from agent.errors import MeasurementFailed
from agent.wire.jobs import FailureReason


def kept_tokens(tokens: int, *, all_tokens: int, prefix_tokens: int) -> tuple[int, ...]:
    """The indices of the ``tokens`` that are kept of ``all_tokens``, ascending.

    The prefix (class and register tokens) stays always, and the patches that stay are evenly spread.

    Raises:
        MeasurementFailed: not one patch would be left, or there are not so many tokens.
    """
    fewest = prefix_tokens + 1
    if not fewest <= tokens <= all_tokens:
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"the model cannot be cut to {tokens} tokens",
            f"It has {all_tokens} tokens, {prefix_tokens} of them prefix: ask for {fewest} to {all_tokens}.",
        )
    patches, kept = all_tokens - prefix_tokens, tokens - prefix_tokens
    return (*range(prefix_tokens), *(prefix_tokens + place * patches // kept for place in range(kept)))
