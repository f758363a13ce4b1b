"""The compiled runtimes: one graph for every token count, or a failure in words; never eager under another name."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("timm")

import torch
import torch._dynamo
import torch._inductor.config
from torch._dynamo.utils import counters

from agent.errors import MeasurementFailed
from agent.vit.compiled import compiling, forward_of, mark_tokens_dynamic
from agent.vit.cut import forward_cut
from agent.vit.kept import kept_tokens
from agent.vit.models import all_tokens
from agent.wire.jobs import FailureReason, Runtime
from tests.support.vits import EVA, a_vit, an_eva

IMAGES = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(2))
MODEL = a_vit(depth=1)


@pytest.fixture(autouse=True)
def _nothing_compiled_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    # Whether vector instructions can be compiled is torch's question, which it would compile for seconds to answer.
    with torch._inductor.config.patch({"cpp.vec_isa_ok": True}):
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


@pytest.mark.parametrize(
    ("family", "runtime"),
    [
        ("DINOv3", Runtime.COMPILE_DYNAMIC),
        ("the same at any image size", Runtime.COMPILE_DYNAMIC),
        ("EVA-02", Runtime.COMPILE_STATIC),
    ],
)
def test_rotary_embeddings_are_captured_whole_and_dynamic_too(family: str, runtime: Runtime) -> None:
    model = an_eva(depth=1, **EVA[family])
    prefix, tokens = int(model.num_prefix_tokens), all_tokens(model)
    graphs = counters["stats"]["unique_graphs"]
    # Captured as for a person's job, run without the minute that making code of it would take.
    forward = forward_of(runtime, backend="eager")

    for count in (tokens, prefix + 2, prefix + 5, prefix + 2):
        kept = torch.tensor(kept_tokens(count, all_tokens=tokens, prefix_tokens=prefix))
        if runtime is Runtime.COMPILE_DYNAMIC:
            mark_tokens_dynamic(kept)
        with torch.inference_mode():
            assert torch.equal(forward(model, IMAGES, kept), forward_cut(model, IMAGES, kept))

    assert counters["stats"]["unique_graphs"] - graphs == (1 if runtime is Runtime.COMPILE_DYNAMIC else 3)


def test_a_single_patch_which_torch_takes_for_a_constant_runs_compiled_too() -> None:
    model = an_eva(depth=1)
    forward = forward_of(Runtime.COMPILE_DYNAMIC, backend="eager")

    for count in (10, 2, 5):
        kept = torch.arange(count)
        mark_tokens_dynamic(kept)
        with compiling() if count != 5 else contextlib.nullcontext(), torch.inference_mode():
            assert torch.equal(forward(model, IMAGES, kept), forward_cut(model, IMAGES, kept))


class KnowsItsCount(torch.nn.Module):
    """A block for which each number of tokens is another program."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0][x.shape[1]]


def test_a_model_that_would_be_compiled_anew_for_each_count_is_refused_as_dynamic() -> None:
    model = a_vit(depth=1)
    model.blocks = torch.nn.Sequential(KnowsItsCount())
    forward = forward_of(Runtime.COMPILE_DYNAMIC, backend="eager")

    def run_at_each_count() -> None:
        for count in range(10, 1, -1):
            kept = torch.arange(count)
            mark_tokens_dynamic(kept)
            with torch.inference_mode():
                forward(model, IMAGES, kept)

    with pytest.raises(MeasurementFailed, match="cannot compile") as failed:
        run_at_each_count()

    assert failed.value.reason is FailureReason.RUNTIME_MISSING
    assert failed.value.advice == "Ask for the runtime eager."


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


def test_a_process_that_loaded_torch_and_its_compiler_ends_without_a_word() -> None:
    loading = (
        "from agent.vit.loading import require_torch; require_torch(); import torch.utils._triton as t; t.has_triton()"
    )
    ended = subprocess.run([sys.executable, "-c", loading], check=True, capture_output=True, text=True)

    assert (ended.stdout, ended.stderr) == ("", "")
