"""An exported model at n tokens under onnxruntime, as a subject to be timed. Needs numpy and onnxruntime, no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from agent.errors import MeasurementFailed
from agent.measure.cores import cores_allowed
from agent.measure.subject import TimedBlocks
from agent.onnx.external import NoOnnx, has_external_data
from agent.onnx.metadata import IMAGES, KEPT, LOGITS, ExportFacts, refuse_unexportable
from agent.vit.kept import kept_tokens
from agent.vit.refusals import blocks_not_apart, first_line, not_finite, out_of_memory
from agent.wire.codec import WireError
from agent.wire.jobs import DataType, FailureReason, ModelFacts, Processor, Runtime, Workload
from agent.wire.schedules import Schedule

INPUT_SEED = 0

_DTYPES = {DataType.FLOAT32: np.float32, DataType.FLOAT16: np.float16}
_PROVIDERS = {Processor.CPU: "CPUExecutionProvider", Processor.CUDA: "CUDAExecutionProvider"}
DAMAGED = "Remove the file: the agent fetches it anew with the next job."


def load_exported(path: Path, model: str, workload: Workload) -> OnnxSubject:
    """The named model, exported to the file ``path``, for this workload on this machine, after one run with all tokens.

    Raises:
        MeasurementFailed: the file is damaged or of something else, or this workload does not run here or not to a
            result.
    """
    refuse_unexportable(workload.data_type)
    threads = workload.threads if workload.threads is not None else cores_allowed()
    session = _session(path, workload.processor, threads)
    facts = _facts(session, path)
    _refuse_misfit(facts, path, model, workload)
    try:
        subject = OnnxSubject(session, facts, workload, threads)
    except MemoryError as error:
        raise out_of_memory("device", first_line(error)) from None
    if not subject.try_out():
        raise not_finite(model, workload.data_type)
    return subject


class OnnxSubject:
    """A session with the one batch of random images that every call gets."""

    def __init__(self, session: Any, facts: ExportFacts, workload: Workload, threads: int) -> None:
        self._session = session
        self._device = workload.processor.value
        shape = (workload.batch_size, facts.channels, facts.image_size, facts.image_size)
        self._images = self._there(
            np.random.default_rng(INPUT_SEED).random(shape, np.float32), _DTYPES[facts.data_type]
        )
        self._facts = ModelFacts(
            tokens=facts.tokens,
            prefix_tokens=facts.prefix_tokens,
            blocks=facts.blocks,
            image_size=facts.image_size,
            threads=threads,
            runtime_version=f"onnxruntime {onnxruntime.__version__}; exported by {facts.made_with}"[:200],
        )

    @property
    def facts(self) -> ModelFacts:
        """What was found when the model was loaded."""
        return self._facts

    def try_out(self) -> bool:
        """Run the model once with all tokens; whether everything that it computed of the images is a finite number."""
        call = self._call(self._facts.tokens)
        call()
        (logits,) = call.binding.copy_outputs_to_cpu()
        return bool(np.isfinite(logits).all())

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that runs the model once, cut to ``tokens`` tokens, and returns when the result is there."""
        return self._call(tokens)

    def prepare_blocks(self, tokens: int, now_ns: Callable[[], int]) -> TimedBlocks:  # noqa: ARG002  # the protocol's
        """Refused: the file is executed as one piece."""
        raise blocks_not_apart(Runtime.ONNXRUNTIME)

    def prepare_schedule(self, schedule: Schedule) -> Callable[[], None]:  # noqa: ARG002  # the protocol's
        """Refused: the file knows one model, and no schedule."""
        raise MeasurementFailed(
            FailureReason.SCHEDULE_REFUSED,
            "no schedule can be applied to an exported model",
            "Verify on a curve of the runtime eager or compile-static.",
        )

    def _call(self, tokens: int) -> _Call:
        kept = kept_tokens(tokens, all_tokens=self._facts.tokens, prefix_tokens=self._facts.prefix_tokens)
        inputs = {IMAGES: self._images, KEPT: self._there(np.array(kept), np.int64)}
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(LOGITS, self._device)
        return _Call(self._session, binding, inputs)

    def _there(self, values: Any, dtype: Any) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_numpy(values.astype(dtype, copy=False), self._device)


@dataclass(frozen=True, slots=True)
class _Call:
    """One run of the model. Inputs and output are where it runs, so that nothing is copied from or to elsewhere."""

    session: Any
    binding: Any
    inputs: dict[str, Any]
    """Held here because the binding has their addresses alone."""

    def __call__(self) -> None:
        try:
            self.session.run_with_iobinding(self.binding)
            self.binding.synchronize_outputs()
        except Exception as error:  # noqa: BLE001  # onnxruntime has no base class of its errors
            raise _failure(
                error,
                f"onnxruntime cannot run the exported model: {first_line(error)}",
                "Choose another data type or runtime.",
            ) from None


def _session(path: Path, processor: Processor, threads: int) -> Any:
    provider = _PROVIDERS[processor]
    if provider not in onnxruntime.get_available_providers():
        raise _provider_missing(provider)
    _refuse_external_data(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between calls would hold the cores that the next reading needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # noqa: BLE001  # as above
        raise _failure(
            error,
            f"onnxruntime {onnxruntime.__version__} cannot load the exported model: {first_line(error)}",
            "Upgrade onnxruntime on the device, or ask for another data type or runtime.",
        ) from None
    # Where a library of the GPU is missing, onnxruntime goes on with the processor and says so in its log alone.
    if provider not in session.get_providers():
        raise _provider_missing(provider)
    return session


def _refuse_external_data(path: Path) -> None:
    try:
        external = has_external_data(path)
    except (NoOnnx, OSError) as error:
        raise MeasurementFailed(
            FailureReason.INTERNAL, f"onnxruntime cannot load the exported model: {first_line(error)}", DAMAGED
        ) from None
    if external:
        raise MeasurementFailed(
            FailureReason.INTERNAL,
            f"{path.name} has weights in another file, which no export of Stepfarm's has: it is not loaded",
            DAMAGED,
        )


def _provider_missing(provider: str) -> MeasurementFailed:
    return MeasurementFailed(
        FailureReason.RUNTIME_MISSING,
        f"this onnxruntime has no {provider}",
        "Install a build of onnxruntime for this processor and the libraries that it needs, or ask for the processor "
        "cpu.",
    )


def _facts(session: Any, path: Path) -> ExportFacts:
    try:
        return ExportFacts.of(session.get_modelmeta().custom_metadata_map[ExportFacts.KEY])
    except (KeyError, WireError):
        raise MeasurementFailed(
            FailureReason.INTERNAL, f"{path.name} does not say what it was exported from", DAMAGED
        ) from None


def _refuse_misfit(facts: ExportFacts, path: Path, model: str, workload: Workload) -> None:
    if facts.model != model:
        raise MeasurementFailed(
            FailureReason.INTERNAL, f"{path.name} was exported from {facts.model}, not from {model}", DAMAGED
        )
    if (facts.data_type, facts.image_size) != (workload.data_type, workload.image_size or facts.image_size):
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"the exported model takes {facts.data_type.value} images of {facts.image_size} pixels",
            "Ask for a workload like it.",
        )


def _failure(error: Exception, message: str, advice: str) -> MeasurementFailed:
    """The failure that onnxruntime's ``error`` means, with these words unless it is that memory ran out."""
    words = first_line(error)
    if isinstance(error, MemoryError) or "alloc" in words.lower():
        return out_of_memory("device", words)
    return MeasurementFailed(FailureReason.WORKLOAD_UNSUPPORTED, message, advice)
