"""``stepfarm-agent weights`` and ``stepfarm-agent dataset``: what this device measures accuracy with."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.errors import MeasurementFailed, StateError
from agent.holdings.register import Register
from agent.wire.codec import WireError, shape_of, to_plain
from agent.wire.fields import ModelName
from agent.wire.holdings import DatasetHeld, DatasetName, WeightsHeld

if TYPE_CHECKING:
    from argparse import _SubParsersAction

TELL_EVERY = 1_000
"""Images between two lines about how far the reading is."""


def add(commands: _SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    _add_weights(commands)
    _add_dataset(commands)


def _add_weights(commands: _SubParsersAction[Any]) -> None:
    command = commands.add_parser("weights", help="weights of models, to measure accuracy with")
    below = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = below.add_parser("add", help="copy a safetensors file that fits a timm model")
    command.add_argument("model", metavar="MODEL", help="name of the timm model, such as deit_small_patch16_224")
    command.add_argument("file", type=Path, metavar="FILE", help="its weights, a safetensors file")
    command.set_defaults(run=_add_weights_file)

    command = below.add_parser("list", help="the weights that this device holds")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_list_weights)

    command = below.add_parser("remove", help="forget weights and remove the copy")
    command.add_argument("model", metavar="MODEL", help="name of the model")
    command.set_defaults(run=_remove_weights)


def _add_dataset(commands: _SubParsersAction[Any]) -> None:
    command = commands.add_parser("dataset", help="images to measure accuracy on")
    below = command.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = below.add_parser("add", help="name a folder of images: a folder a class, or images without classes")
    command.add_argument("name", metavar="NAME", help="what to call it, the same on every device")
    command.add_argument("path", type=Path, metavar="PATH", help="the folder; it stays where it is")
    command.set_defaults(run=_add_dataset_folder)

    command = below.add_parser("list", help="the datasets that this device knows")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_list_datasets)

    command = below.add_parser("remove", help="forget a dataset; its images stay")
    command.add_argument("name", metavar="NAME", help="name of the dataset")
    command.set_defaults(run=_remove_dataset)


def _add_weights_file(options: argparse.Namespace, settings: Settings) -> int:
    _refuse_name(options.model, ModelName, "model", "a name that timm.list_models() shows")

    def check(file: Path) -> int:
        from agent.vit.loading import classes_of_weights

        try:
            return classes_of_weights(options.model, file)
        except MeasurementFailed as failure:
            raise StateError(f"{failure.message[0].upper()}{failure.message[1:]}.", failure.advice) from None

    held = Register(settings.agent_home).add_weights(options.model, options.file, check)
    print(f"Weights of {_weights(held)}. A running agent tells its orchestrator within seconds.")
    return 0


def _list_weights(options: argparse.Namespace, settings: Settings) -> int:
    weights = Register(settings.agent_home).holdings().weights
    if options.json:
        print(json.dumps([to_plain(one) for one in weights], indent=2))
    else:
        print("\n".join(map(_weights, weights)) or "No weights. Add some: stepfarm-agent weights add MODEL FILE")
    return 0


def _remove_weights(options: argparse.Namespace, settings: Settings) -> int:
    gone = Register(settings.agent_home).remove_weights(options.model)
    print(f"Weights of {gone.model} are held no more; the copy is removed.")
    return 0


def _weights(held: WeightsHeld) -> str:
    return f"{held.model}: {held.classes} classes, SHA-256 {held.sha256}"


def _add_dataset_folder(options: argparse.Namespace, settings: Settings) -> int:
    from agent.holdings.decodable import refuse_unreadable
    from agent.holdings.image_folder import read_image_folder

    _refuse_name(options.name, DatasetName, "dataset", "letters, digits and _ . - after the first")
    folder = read_image_folder(options.path)
    refuse_unreadable(folder, told=_tell_progress)
    held = Register(settings.agent_home).add_dataset(options.name, folder)
    print(f"Dataset {_dataset(held)}. A running agent tells its orchestrator within seconds.")
    return 0


def _tell_progress(done: int, images: int) -> None:
    if done % TELL_EVERY == 0:
        print(f"{done:,} of {images:,} images read", file=sys.stderr, flush=True)


def _list_datasets(options: argparse.Namespace, settings: Settings) -> int:
    register = Register(settings.agent_home)
    datasets = register.holdings().datasets
    if options.json:
        found = [{**to_plain(one), "folder": str(register.dataset_folder(one.name))} for one in datasets]
        print(json.dumps(found, indent=2))
    else:
        lines = [f"{_dataset(one)}, in {register.dataset_folder(one.name)}" for one in datasets]
        print("\n".join(lines) or "No dataset. Add one: stepfarm-agent dataset add NAME PATH")
    return 0


def _remove_dataset(options: argparse.Namespace, settings: Settings) -> int:
    gone = Register(settings.agent_home).remove_dataset(options.name)
    print(f"Dataset {gone.name} is known no more; its images are where they were.")
    return 0


def _dataset(held: DatasetHeld) -> str:
    classes = "not labelled" if held.classes is None else f"{held.classes} classes"
    return f"{held.name}: {held.images:,} images, {classes}"


def _refuse_name(name: str, kind: Any, what: str, advice: str) -> None:
    try:
        shape_of(kind).check(name, what)
    except WireError as error:
        raise StateError(f"{name[:80]!r} is no name of a {what}: it {error.complaint}.", f"Use {advice}.") from None
