"""An exported model at n tokens under onnxruntime, as a subject to be timed. Needs numpy and onnxruntime, no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from agent.errors import MeasurementFailed
from agent.measure.cores import cores_allowed
from agent.onnx.metadata import IMAGES, KEPT, LOGITS, ExportFacts
from agent.vit.kept import kept_tokens
from agent.wire.codec import WireError
from agent.wire.jobs import DataType, FailureReason, ModelFacts, Processor, Workload

INPUT_SEED = 0

_DTYPES = {DataType.FLOAT32: np.float32, DataType.FLOAT16: np.float16}
_PROVIDERS = {Processor.CPU: "CPUExecutionProvider", Processor.CUDA: "CUDAExecutionProvider"}
DAMAGED = "Remove the file: the agent fetches it anew with the next job."


def load_exported(path: Path, workload: Workload) -> OnnxSubject:
    """The exported model in ``path`` for this workload on this machine, after one run with all tokens.

    Raises:
        MeasurementFailed: the file is damaged or of something else, or this workload does not run here.
    """
    threads = workload.threads if workload.threads is not None else cores_allowed()
    session = _session(path, workload, threads)
    facts = _facts(session, path)
    if (facts.data_type, facts.image_size) != (workload.data_type, workload.image_size or facts.image_size):
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"the exported model takes {facts.data_type.value} images of {facts.image_size} pixels",
            "Ask for a workload like it.",
        )
    subject = OnnxSubject(session, facts, workload.batch_size, threads)
    subject.prepare(facts.tokens)()
    return subject


class OnnxSubject:
    """A session with the one batch of random images that every call gets."""

    def __init__(self, session: Any, facts: ExportFacts, batch_size: int, threads: int) -> None:
        self._session = session
        shape = (batch_size, facts.channels, facts.image_size, facts.image_size)
        self._images = np.random.default_rng(INPUT_SEED).random(shape, np.float32).astype(_DTYPES[facts.data_type])
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

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that runs the model once, cut to ``tokens`` tokens, and returns when the result is there."""
        kept = kept_tokens(tokens, all_tokens=self._facts.tokens, prefix_tokens=self._facts.prefix_tokens)
        inputs = {IMAGES: self._images, KEPT: np.array(kept, np.int64)}
        session, outputs = self._session, [LOGITS]

        def run() -> None:
            try:
                session.run(outputs, inputs)
            except Exception as error:  # noqa: BLE001  # onnxruntime has no base class of its errors
                raise _run_failed(error) from None

        return run


def _session(path: Path, workload: Workload, threads: int) -> Any:
    provider = _PROVIDERS[workload.processor]
    if provider not in onnxruntime.get_available_providers():
        raise MeasurementFailed(
            FailureReason.RUNTIME_MISSING,
            f"this onnxruntime has no {provider}",
            "Install a build of onnxruntime for this processor, or ask for the processor cpu.",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between calls would hold the cores that the next reading needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # noqa: BLE001  # as above
        raise MeasurementFailed(
            FailureReason.WORKLOAD_UNSUPPORTED,
            f"onnxruntime {onnxruntime.__version__} cannot load the exported model: {_first_line(error)}",
            "Upgrade onnxruntime on the device, or ask for another data type or runtime.",
        ) from None


def _facts(session: Any, path: Path) -> ExportFacts:
    try:
        return ExportFacts.of(session.get_modelmeta().custom_metadata_map[ExportFacts.KEY])
    except (KeyError, WireError):
        raise MeasurementFailed(
            FailureReason.INTERNAL, f"{path.name} does not say what it was exported from", DAMAGED
        ) from None


def _run_failed(error: Exception) -> MeasurementFailed:
    words = _first_line(error)
    if isinstance(error, MemoryError) or "alloc" in words.lower():
        return MeasurementFailed(
            FailureReason.OUT_OF_MEMORY,
            f"the measurement needs more memory than the device has free: {words}",
            "Choose a smaller batch size, image size or model.",
        )
    return MeasurementFailed(
        FailureReason.WORKLOAD_UNSUPPORTED,
        f"onnxruntime cannot run the exported model: {words}",
        "Choose another data type or runtime.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:1_000]
