"""The whole model at n tokens, as a subject to be timed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from agent.errors import MeasurementFailed, ScheduleRefused
from agent.measure.cores import cores_allowed
from agent.measure.stamps import Stamps
from agent.vit.blocks import BlocksInPlace, CudaMarks
from agent.vit.compiled import compiling, forward_of, mark_tokens_dynamic, whole_forward_of
from agent.vit.cut import CuttableVit
from agent.vit.failures import memory_explained, refuse_out_of_memory, workload_explained
from agent.vit.fitting import as_failure
from agent.vit.kept import kept_tokens
from agent.vit.models import all_tokens, load_model
from agent.vit.refusals import blocks_not_apart, not_finite
from agent.vit.scheduled import with_schedule
from agent.wire.jobs import DataType, FailureReason, ModelFacts, Processor, Runtime, Workload
from agent.wire.schedules import Schedule

INPUT_SEED = 0

DTYPES = {
    DataType.FLOAT32: torch.float32,
    DataType.FLOAT16: torch.float16,
    DataType.BFLOAT16: torch.bfloat16,
}


def load_vit_subject(name: str, workload: Workload) -> VitSubject:
    """The named model for this workload on this machine, after one run with all tokens.

    Raises:
        MeasurementFailed: the model is unknown or cannot be cut, or this workload does not run here or not to a result.
    """
    refuse_missing_processor(workload.processor)
    threads = set_threads(workload.threads)
    with memory_explained():
        model = load_model(name, image_size=workload.image_size)
        model = model.to(device=workload.processor.value, dtype=DTYPES[workload.data_type])
        subject = VitSubject(model, workload, threads)
    first_run = contextlib.nullcontext() if workload.runtime is Runtime.EAGER else compiling()
    with workload_explained(name), first_run:
        finite = subject.try_out()
    if not finite:
        raise not_finite(name, workload.data_type)
    return subject


class VitSubject:
    """A loaded model with the one batch of random images that every call gets."""

    def __init__(self, model: CuttableVit, workload: Workload, threads: int) -> None:
        self._model = model
        self._scheduled: dict[Schedule, Callable[[torch.Tensor], torch.Tensor]] = {}
        self._runtime = workload.runtime
        self._forward = forward_of(workload.runtime)
        self._dynamic = workload.runtime is Runtime.COMPILE_DYNAMIC
        self._synchronise = workload.processor is Processor.CUDA
        self._device = torch.device(workload.processor.value)
        size = int(model.patch_embed.img_size[0])
        images = torch.rand(
            (workload.batch_size, channels_of(model), size, size), generator=torch.Generator().manual_seed(INPUT_SEED)
        )
        self._images = images.to(device=self._device, dtype=DTYPES[workload.data_type])
        self._facts = ModelFacts(
            tokens=all_tokens(model),
            prefix_tokens=int(model.num_prefix_tokens),
            blocks=len(model.blocks),
            image_size=size,
            threads=threads,
            runtime_version=f"torch {torch.__version__}, timm {timm.__version__}",
        )

    @property
    def facts(self) -> ModelFacts:
        """What was found when the model was loaded."""
        return self._facts

    def try_out(self) -> bool:
        """Run the model once with all tokens; whether everything that it computed of the images is a finite number."""
        with torch.inference_mode():
            logits = self._forward(self._model, self._images, self._kept(self._facts.tokens))
            return bool(logits.isfinite().all())

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that runs the model once, cut to ``tokens`` tokens, and returns when the result is there."""
        kept = self._kept(tokens)
        model, images, forward = self._model, self._images, self._forward
        return self._call(lambda: forward(model, images, kept))

    def prepare_blocks(self, tokens: int, now_ns: Callable[[], int]) -> BlocksInPlace:
        """The same call, with its blocks timed in place: by ``now_ns``, on a GPU by its own events."""
        if self._runtime is not Runtime.EAGER:
            raise blocks_not_apart(self._runtime)
        kept = self._kept(tokens)
        if self._synchronise:
            return BlocksInPlace(self._model, self._images, kept, CudaMarks(), torch.cuda.synchronize)
        return BlocksInPlace(self._model, self._images, kept, Stamps(now_ns))

    def prepare_schedule(self, schedule: Schedule) -> Callable[[], None]:
        """A call that runs the whole model once under ``schedule``; with nothing pruned, the untouched model.

        Raises:
            MeasurementFailed: the schedule does not fit the model.
        """
        if schedule not in self._scheduled:
            self._scheduled[schedule] = self._under(schedule)
        forward, images = self._scheduled[schedule], self._images
        return self._call(lambda: forward(images))

    def _under(self, schedule: Schedule) -> Callable[[torch.Tensor], torch.Tensor]:
        try:
            # What is no plain ViT is refused within.
            pruned = with_schedule(cast("VisionTransformer", self._model), schedule)
        except ScheduleRefused as refused:
            raise as_failure(refused) from None
        return whole_forward_of(self._runtime, pruned)

    def _call(self, work: Callable[[], object]) -> Callable[[], None]:
        """A call that does ``work`` once and returns when the result is there."""

        # A plain try costs nothing where a context manager would cost microseconds of every timed call.
        def run() -> None:
            try:
                with torch.inference_mode():
                    work()
            except RuntimeError as error:
                refuse_out_of_memory(error)
                raise

        def run_and_synchronise() -> None:
            run()
            torch.cuda.synchronize()

        return run_and_synchronise if self._synchronise else run

    def _kept(self, tokens: int) -> torch.Tensor:
        """The indices of the ``tokens`` that stay, where the model is."""
        kept = torch.tensor(
            kept_tokens(tokens, all_tokens=self._facts.tokens, prefix_tokens=self._facts.prefix_tokens),
            dtype=torch.int64,
            device=self._device,
        )
        if self._dynamic:
            mark_tokens_dynamic(kept)
        return kept


def channels_of(model: CuttableVit) -> int:
    """How many channels the images of ``model`` have."""
    # timm.create_model gives every model this description; hybrid stems hide their channels.
    return int(cast("dict[str, Any]", model.pretrained_cfg)["input_size"][0])


def refuse_missing_processor(processor: Processor) -> None:
    """Raise `MeasurementFailed` where torch cannot use ``processor`` on this machine."""
    if processor is Processor.CUDA and not torch.cuda.is_available():
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            "the workload asks for cuda, and torch finds no CUDA device here",
            "Ask for the processor cpu, or install a torch build and a driver that fit the GPU.",
        )


def set_threads(wanted: int | None) -> int:
    """Have torch compute with ``wanted`` threads, all cores that this process may use for None; how many they are."""
    threads = wanted if wanted is not None else cores_allowed()
    torch.set_num_threads(threads)
    # A ViT has no branches to run beside each other. torch takes this setting once a process.
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)
    return threads
