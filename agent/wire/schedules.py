"""Schedules: how many tokens leave each block of a model, and the method that chooses which."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import MOST_TOKENS, Items, Range, Tokens


class Method(str, Enum):
    """How a block chooses the tokens that go, without any training.

    Each but the last scores the patches and keeps the best; what it is made of stands in `agent.vit.reduction`.
    """

    ONE_MORE = "one-more-token"
    """By attention received and by value; the rest becomes one mean token (Eliopoulos et al. 2025)."""
    EVIT = "evit"
    """By the class token's attention; the rest becomes one token, weighted by it (Liang et al. 2022)."""
    TOP_K = "top-k"
    """By the class token's attention; the rest is dropped."""
    RANDOM = "random"
    """The same random patches of every image; the rest is dropped. A baseline."""
    TOKEN_MERGING = "token-merging"  # noqa: S105  # a method, no password
    """Each patch that goes is merged into the one most like it (Bolya et al. 2023)."""

    @property
    def fuses(self) -> bool:
        """Whether the patches that go leave one token behind, which counts."""
        return self in (Method.ONE_MORE, Method.EVIT)

    @property
    def needs_class_token(self) -> bool:
        """Whether it asks a class token what matters."""
        return self in (Method.EVIT, Method.TOP_K)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Message):
    """``leaving[i]`` tokens leave block i of a model whose first block gets ``tokens``, all prefix tokens among them.

    Raises:
        WireError: more tokens would leave a block than enter it, or fewer than the method can leave.
    """

    method: Method
    tokens: Tokens
    prefix_tokens: Annotated[int, Range(0, MOST_TOKENS)]
    leaving: Annotated[tuple[Tokens, ...], Items(1_024, 1)]

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.prefix_tokens >= self.tokens:
            raise WireError("prefix_tokens", f"must be fewer than all tokens, {self.tokens}")
        for block, (entering, leaving) in enumerate(zip(self.entering, self.leaving, strict=True)):
            if leaving > entering:
                raise WireError(f"leaving[{block}]", f"must not be above the {entering} tokens that enter the block")
            fewest = self.fewest_leaving(entering)
            if leaving < entering and leaving < fewest:
                raise WireError(
                    f"leaving[{block}]",
                    f"must be at least {fewest}: {self.method.value} can leave no fewer of {entering} tokens, "
                    f"{self.prefix_tokens} of them prefix",
                )

    @property
    def entering(self) -> tuple[int, ...]:
        """How many tokens enter each block."""
        return (self.tokens, *self.leaving[:-1])

    @property
    def prunes(self) -> bool:
        """Whether any token goes at all."""
        return self.leaving[-1] < self.tokens

    def fewest_leaving(self, entering: int) -> int:
        """The fewest tokens that may leave a block which ``entering`` tokens enter, some of them going."""
        if self.method is Method.TOKEN_MERGING:
            # Half of the patches at most: each is merged into one of the other half.
            return entering - (entering - self.prefix_tokens) // 2
        return self.prefix_tokens + (2 if self.method.fuses else 1)

    @classmethod
    def pruned_once(
        cls, method: Method, *, tokens: int, prefix_tokens: int, blocks: int, block: int, keep: int
    ) -> Schedule:
        """The schedule that prunes in one block, after which ``keep`` tokens go on, a fused one among them.

        Raises:
            WireError: there is no such block, or not so many or few tokens can be kept.
        """
        if not 0 <= block < blocks:
            raise WireError("block", f"must lie between 0 and {blocks - 1}, not {block}")
        leaving = (*(tokens,) * block, *(keep,) * (blocks - block))
        return cls(method=method, tokens=tokens, prefix_tokens=prefix_tokens, leaving=leaving)
