"""Weights from files: what fits is taken whole, and what does not is refused by name before anything changes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from agent.errors import MeasurementFailed, StateError
from agent.holdings.register import Register
from agent.vit.loading import classes_of_weights
from agent.vit.models import load_model
from agent.vit.weights import load_weights
from agent.wire.jobs import FailureReason

MODEL = "test_vit"
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """The weights of a model that tells 7 classes apart."""
    torch.manual_seed(1)
    return dict(timm.create_model(MODEL, num_classes=7).state_dict())


def a_file(folder: Path, state: State) -> Path:
    file = folder / "weights.safetensors"
    save_file(state, file)
    return file


def refusal_of(file: Path, model: str = MODEL) -> str:
    with pytest.raises(StateError) as refused:
        classes_of_weights(model, file)
    return str(refused.value)


def test_the_classes_are_those_of_the_head_in_the_file(state: State, tmp_path: Path) -> None:
    assert classes_of_weights(MODEL, a_file(tmp_path, state)) == 7


def test_parameters_that_are_missing_strange_or_of_another_shape_are_named(state: State, tmp_path: Path) -> None:
    without = {name: value for name, value in state.items() if name != "norm.weight"}
    assert "1 parameters of the model are missing: norm.weight" in refusal_of(a_file(tmp_path, without))
    more = {**state, "extra.bias": torch.zeros(3)}
    assert "1 parameters are not the model's: extra.bias" in refusal_of(a_file(tmp_path, more))
    other = {**state, "pos_embed": torch.zeros(1, 50, 64)}
    told = refusal_of(a_file(tmp_path, other))
    assert "pos_embed is [1, 50, 64] and the model's [1, 101, 64]" in told
    assert "at its own image size" in told


def test_weights_of_another_model_are_refused(state: State, tmp_path: Path) -> None:
    told = refusal_of(a_file(tmp_path, state), "vit_tiny_patch16_224")

    assert "The weights do not fit vit_tiny_patch16_224" in told
    assert "parameters of the model are missing: blocks.6" in told


def test_a_model_that_takes_no_schedules_or_that_nobody_knows_is_refused(state: State, tmp_path: Path) -> None:
    with pytest.raises(MeasurementFailed, match="knows no model test_vitt"):
        classes_of_weights("test_vitt", a_file(tmp_path, state))
    with pytest.raises(MeasurementFailed) as refused:
        classes_of_weights("resnet18", a_file(tmp_path, state))
    assert refused.value.reason is FailureReason.MODEL_UNSUPPORTED


def test_weights_that_are_no_numbers_are_refused(state: State, tmp_path: Path) -> None:
    broken = {**state, "norm.bias": torch.full((64,), torch.nan)}

    assert "NaN or infinity in norm.bias" in refusal_of(a_file(tmp_path, broken))


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path) -> None:
    file, touched = tmp_path / "weights.bin", tmp_path / "touched"

    class Touches:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (touched,))

    file.write_bytes(pickle.dumps(Touches()))
    told = refusal_of(file)

    assert "no whole safetensors file" in told
    assert "save_file" in told
    assert not touched.exists()


def test_a_truncated_file_is_refused(state: State, tmp_path: Path) -> None:
    file = a_file(tmp_path, state)
    file.write_bytes(file.read_bytes()[:-100])

    assert "no whole safetensors file" in refusal_of(file)


def test_weights_are_put_into_a_model_as_they_are(state: State, tmp_path: Path) -> None:
    register = Register(tmp_path / "agent")
    held = register.add_weights(MODEL, a_file(tmp_path, state), lambda copy: classes_of_weights(MODEL, copy))
    model = load_model(MODEL, classes=held.classes)
    load_weights(model, MODEL, register.weights_file(held.sha256), held.sha256)

    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_weights_that_changed_or_do_not_fit_this_image_size_leave_the_model_as_it_was(
    state: State, tmp_path: Path
) -> None:
    register = Register(tmp_path / "agent")
    held = register.add_weights(MODEL, a_file(tmp_path, state), lambda copy: classes_of_weights(MODEL, copy))
    file = register.weights_file(held.sha256)
    smaller = load_model(MODEL, image_size=96, classes=held.classes)
    before = {name: value.clone() for name, value in smaller.state_dict().items()}

    with pytest.raises(MeasurementFailed, match=r"pos_embed is \[1, 101, 64\]") as misfit:
        load_weights(smaller, MODEL, file, held.sha256)
    file.write_bytes(b"other")
    with pytest.raises(MeasurementFailed, match="are not on this device any more") as gone:
        load_weights(smaller, MODEL, file, held.sha256)

    assert {misfit.value.reason, gone.value.reason} == {FailureReason.DATA_UNUSABLE}
    assert all(torch.equal(value, before[name]) for name, value in smaller.state_dict().items())
