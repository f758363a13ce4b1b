"""The compiled runtimes: one graph for every token count, or a failure in words; never eager under another name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch._dynamo
import torch._inductor.config
from torch._dynamo.utils import counters

from agent.errors import MeasurementFailed
from agent.vit.compiled import compiling, forward_of, mark_tokens_dynamic
from agent.vit.cut import forward_cut
from agent.wire.jobs import FailureReason, Runtime
from tests.support.vits import a_vit

IMAGES = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(2))
MODEL = a_vit(depth=1)


@pytest.fixture(autouse=True)
def _nothing_compiled_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def run(runtime: Runtime, tokens: int) -> torch.Tensor:
    kept = torch.arange(tokens)
    if runtime is Runtime.COMPILE_DYNAMIC:
        mark_tokens_dynamic(kept)
    with torch.inference_mode():
        return forward_of(runtime)(MODEL, IMAGES, kept)


def test_one_graph_serves_every_token_count_and_computes_what_eager_computes() -> None:
    graphs = counters["stats"]["unique_graphs"]

    with compiling():
        run(Runtime.COMPILE_DYNAMIC, 10)
    for tokens in (10, 2, 7):
        with torch.inference_mode():
            eager = forward_cut(MODEL, IMAGES, torch.arange(tokens))
        torch.testing.assert_close(run(Runtime.COMPILE_DYNAMIC, tokens), eager, atol=1e-5, rtol=1e-4)

    assert counters["stats"]["unique_graphs"] == graphs + 1


def test_without_a_compiler_the_failure_says_what_to_install() -> None:
    with torch._inductor.config.patch({"cpp.cxx": (None, "/nonexistent")}), pytest.raises(MeasurementFailed) as failed:
        run(Runtime.COMPILE_STATIC, 5)

    assert failed.value.reason is FailureReason.RUNTIME_MISSING
    assert "C++ compiler" in failed.value.advice


def test_a_compiler_that_is_switched_off_fails_the_measurement() -> None:
    with (
        torch._dynamo.config.patch(disable=True),
        pytest.raises(MeasurementFailed, match="did not compile"),
        compiling(),
    ):
        run(Runtime.COMPILE_DYNAMIC, 5)


def test_a_run_that_left_nothing_compiled_is_refused() -> None:
    with pytest.raises(MeasurementFailed, match="did not compile"), compiling(), torch.inference_mode():
        forward_cut(MODEL, IMAGES, torch.arange(5))
