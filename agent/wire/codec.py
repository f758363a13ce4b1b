"""The one codec of the wire: frozen dataclasses to JSON and back, strictly.

Both sides use it. It refuses what a lenient reader would let pass: unknown and repeated fields, "12" or ``true`` for
12, NaN and infinity, numbers, texts and lists beyond their limits, and bodies beyond their size. Every refusal names
the place, ``readings[3].latency_ns``.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar, Union, cast

from agent.wire.fields import Items, Limit, Range, Text

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The largest JSON body that either side reads: a pass over 4,096 counts is about 0.5 MB."""

MAX_DEPTH = 32
"""The deepest nesting of a body; no message needs more than 6."""

MAX_DIGITS = 40
"""The longest whole number that is read: the largest of any field has 19 digits."""

T = TypeVar("T")


class WireError(ValueError):
    """A value that is not a message: ``path`` says where, ``complaint`` says why."""

    def __init__(self, path: str, complaint: str) -> None:
        super().__init__(f"{path or 'body'}: {complaint}")
        self.path = path
        self.complaint = complaint


class Message:
    """A value that crosses the wire. It checks its own fields when it is made, on either side."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, shape in fields_of(cast("Any", type(self))).items():
            shape.check(getattr(self, name), name)


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How one annotation is read from JSON, written to JSON and checked."""

    read: Callable[[Any, str], Any]
    write: Callable[[Any], Any]
    check: Callable[[Any, str], None]
    all_fit: Callable[[Sequence[Any]], bool] | None = None
    """Whether `read` leaves every one of many values as it is: a quick look at a long list, where there is one."""


def encode(message: object) -> bytes:
    """``message``, a dataclass, as UTF-8 JSON."""
    return json.dumps(to_plain(message), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def to_plain(message: object) -> Any:
    """``message`` as dictionaries, lists and scalars, ready for JSON."""
    return shape_of(cast("Any", type(message))).write(message)


def decode(cls: type[T], body: bytes | str, *, max_bytes: int = MAX_BODY_BYTES) -> T:
    """The ``cls`` that ``body`` holds as JSON.

    Raises:
        WireError: the body is too large or deep, no JSON, or not exactly a ``cls``.
    """
    return from_plain(cls, parse(body, max_bytes=max_bytes))


def from_plain(cls: type[T], value: Any, path: str = "") -> T:
    """The ``cls`` that ``value``, parsed JSON, describes.

    Raises:
        WireError: the value is not exactly a ``cls``.
    """
    return cast("T", shape_of(cast("Any", cls)).read(value, path))


def parse(body: bytes | str, *, max_bytes: int = MAX_BODY_BYTES) -> Any:
    """``body`` as parsed JSON.

    Raises:
        WireError: the body is too large, too deep, repeats a field or is no JSON.
    """
    if len(body) > max_bytes:
        raise WireError("", f"is larger than {max_bytes} bytes")
    try:
        value = json.loads(
            body.decode() if isinstance(body, bytes) else body,  # json.loads would take UTF-16 and UTF-32 too
            parse_int=_bounded_int,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_fields,
        )
    except WireError:
        raise
    except RecursionError:
        raise WireError("", f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise WireError("", f"is not JSON: {error}") from None
    _refuse_depth(value, MAX_DEPTH)
    return value


def _bounded_int(digits: str) -> int:
    # Reading a number takes time quadratic in its length.
    if len(digits) > MAX_DIGITS:
        raise WireError("", f"holds a number of more than {MAX_DIGITS} digits")
    return int(digits)


def _refuse_constant(name: str) -> Any:
    raise WireError("", f"is not JSON: {name} is no number")


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        repeated = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise WireError(_shown(repeated), "is given twice")
    return fields


def _shown(name: str) -> str:
    """A field's name that somebody else chose, fit to stand in an error: short, and text to every reader."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:80])


def _refuse_depth(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise WireError("", f"is nested deeper than {MAX_DEPTH} levels")
    for inner in value.values() if isinstance(value, dict) else value:
        _refuse_depth(inner, left - 1)


@functools.cache
def fields_of(cls: type) -> dict[str, Shape]:
    """Name and shape of each field of the dataclass ``cls``."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: shape_of(hints[field.name]) for field in dataclasses.fields(cls)}


@functools.cache
def shape_of(hint: Any) -> Shape:
    """The shape of an annotation: scalar, enum, dataclass, ``X | None``, ``tuple[X, ...]``, or one with limits."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        inner, *limits = typing.get_args(hint)
        return _limited(shape_of(inner), tuple(x for x in limits if isinstance(x, Range | Text | Items)))
    if origin in (Union, types.UnionType):
        inner, none = typing.get_args(hint)
        if none is not type(None):
            raise TypeError(f"a union on the wire is X | None, not {hint}")
        return _optional(shape_of(inner))
    if origin is tuple:
        return _list_of(shape_of(typing.get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _enum(hint)
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast("type", hint))
    if hint in (int, str, bool, float):
        return _scalar(hint)
    raise TypeError(f"{hint} cannot cross the wire")


_JSON_NAMES = {int: "an integer", str: "a text", bool: "true or false", float: "a number"}


def _scalar(kind: type) -> Shape:
    def check(value: Any, path: str) -> None:
        # bool is an int to Python and not to JSON; an int is a fine number.
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits:
            raise WireError(path, f"must be {_JSON_NAMES[kind]}, not {_json_name(value)}")
        if kind is float and not _is_finite(value):
            raise WireError(path, "must be a finite number")

    def read(value: Any, path: str) -> Any:
        check(value, path)
        return float(value) if kind is float else value

    # A float is read from a whole number too, so it may not be left as it is.
    all_fit = None if kind is float else lambda values: set(map(type, values)) <= {kind}
    return Shape(read, lambda value: value, check, all_fit)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _json_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", tuple: "a list", type(None): "null"}
    return names.get(type(value)) or _JSON_NAMES.get(type(value)) or type(value).__name__


def _limited(inner: Shape, limits: tuple[Limit, ...]) -> Shape:
    of_lists = tuple(limit for limit in limits if isinstance(limit, Items))

    def check(value: Any, path: str) -> None:
        inner.check(value, path)
        _check_limits(limits, value, path)

    def read(value: Any, path: str) -> Any:
        # A list beyond its limit is refused before its items are read.
        if isinstance(value, list):
            _check_limits(of_lists, value, path)
        result = inner.read(value, path)
        _check_limits(limits, result, path)
        return result

    return Shape(read, inner.write, check, _all_within(inner, limits))


def _all_within(inner: Shape, limits: tuple[Limit, ...]) -> Callable[[Sequence[Any]], bool] | None:
    """The quick look at many values with ``limits``: at the extremes of numbers, at the different ones of texts."""
    of_each = inner.all_fit
    if of_each is None:
        return None

    def all_fit(values: Sequence[Any]) -> bool:
        if not values or not of_each(values):
            return not values
        numbers = all(isinstance(limit, Range) for limit in limits)
        telling = (min(values), max(values)) if numbers else set(values)
        return all(limit.complaint(value) is None for limit in limits for value in telling)

    return all_fit


def _check_limits(limits: tuple[Limit, ...], value: Any, path: str) -> None:
    for limit in limits:
        complaint = limit.complaint(value)
        if complaint is not None:
            raise WireError(path, complaint)


def _optional(inner: Shape) -> Shape:
    return Shape(
        read=lambda value, path: None if value is None else inner.read(value, path),
        write=lambda value: None if value is None else inner.write(value),
        check=lambda value, path: None if value is None else inner.check(value, path),
    )


def _list_of(inner: Shape) -> Shape:
    def read(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise WireError(path, f"must be a list, not {_json_name(value)}")
        if inner.all_fit is not None and inner.all_fit(value):
            return tuple(value)
        return tuple(inner.read(item, f"{path}[{index}]") for index, item in enumerate(value))

    def check(value: Any, path: str) -> None:
        if type(value) is not tuple:
            raise WireError(path, f"must be a tuple, not {_json_name(value)}")
        if inner.all_fit is not None and inner.all_fit(value):
            return
        for index, item in enumerate(value):
            inner.check(item, f"{path}[{index}]")

    return Shape(read, lambda value: [inner.write(item) for item in value], check)


def _enum(kind: type[enum.Enum]) -> Shape:
    members = {member.value: member for member in kind}

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, str) or value not in members:
            raise WireError(path, f"must be one of {', '.join(members)}")
        return members[value]

    def check(value: Any, path: str) -> None:
        if not isinstance(value, kind):
            raise WireError(path, f"must be one of {', '.join(members)}")

    return Shape(read, lambda value: value.value, check)


def _dataclass(cls: type) -> Shape:
    # Fields are looked up late: a message may hold itself, and a class is not complete while it is being made.
    required = {
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def read(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise WireError(path, f"must be an object, not {_json_name(value)}")
        fields = fields_of(cls)
        for unknown in sorted(value.keys() - fields.keys()):
            raise WireError(_join(path, _shown(unknown)), "is not a field of this message")
        for missing in sorted(required - value.keys()):
            raise WireError(_join(path, missing), "is missing")
        found = {name: fields[name].read(inner, _join(path, name)) for name, inner in value.items()}
        try:
            return cls(**found)
        except WireError as error:
            raise WireError(_join(path, error.path), error.complaint) from None

    def write(value: Any) -> Any:
        return {name: shape.write(getattr(value, name)) for name, shape in fields_of(cls).items()}

    def check(value: Any, path: str) -> None:
        if type(value) is not cls:
            raise WireError(path, f"must be a {cls.__name__}")

    return Shape(read, write, check)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
