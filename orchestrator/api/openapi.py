"""The OpenAPI description, from the same annotations that the codec reads."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from typing import Annotated, Any, Union, cast

from fastapi.responses import PlainTextResponse, Response

from agent.wire.fields import Items, Range, Text
from agent.wire.problems import PROBLEM_CONTENT_TYPE, Problem

SCHEMAS = "#/components/schemas/"


def described(request: type | None, answer: type) -> dict[str, Any]:
    """The options of a route that takes ``request`` and answers ``answer``, both messages."""
    good = {"description": answer.__name__, "content": {"application/json": {"schema": reference(answer)}}}
    refused = {"description": "Refused", "content": {PROBLEM_CONTENT_TYPE: {"schema": reference(Problem)}}}
    extra: dict[str, Any] = {"responses": {"200": good}}
    if request is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference(request)}}}
    # "4XX" where FastAPI looks: it would promise a refusal in a form of its own otherwise.
    return {"response_model": None, "responses": {"4XX": refused}, "openapi_extra": extra}


def described_text() -> dict[str, Any]:
    """The options of a route that answers plain text."""
    refused = {"description": "Refused", "content": {PROBLEM_CONTENT_TYPE: {"schema": reference(Problem)}}}
    return {"response_class": PlainTextResponse, "response_model": None, "responses": {"4XX": refused}}


def described_file(content_type: str) -> dict[str, Any]:
    """The options of a route that answers with the bytes of a file, whole or in part (RFC 9110, section 14)."""
    content = {content_type: {"schema": {"type": "string", "format": "binary"}}}
    refused = {"description": "Refused", "content": {PROBLEM_CONTENT_TYPE: {"schema": reference(Problem)}}}
    good = {
        "200": {"description": "The file", "content": content},
        "206": {"description": "A part", "content": content},
    }
    return {
        "response_model": None,
        "response_class": Response,
        "responses": {"4XX": refused},
        "openapi_extra": {"responses": good},
    }


_components: dict[str, dict[str, Any]] = {}
_named: dict[str, type] = {}


def components() -> dict[str, dict[str, Any]]:
    """The schema of every message that a route has named so far."""
    return dict(sorted(_components.items()))


def reference(cls: type) -> dict[str, Any]:
    """A reference to the schema of the message ``cls``.

    Raises:
        ValueError: another message has that name.
    """
    if _named.setdefault(cls.__name__, cls) is not cls:
        raise ValueError(f"two messages are called {cls.__name__}")
    if cls.__name__ not in _components:
        _components[cls.__name__] = {}  # stands in while its fields are read, should one hold the message itself
        _components[cls.__name__] = _object(cls)
    return {"$ref": SCHEMAS + cls.__name__}


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = dataclasses.fields(cls)
    required = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    schema: dict[str, Any] = {
        "type": "object",
        "description": (cls.__doc__ or "").strip(),
        "properties": {field.name: schema_of(hints[field.name]) for field in fields},
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON schema of an annotation that the codec knows."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        inner, *limits = typing.get_args(hint)
        schema = schema_of(inner)
        for limit in limits:
            schema.update(_limited(limit, schema))
        return schema
    if origin in (Union, types.UnionType):
        inner = next(option for option in typing.get_args(hint) if option is not type(None))
        return {"anyOf": [schema_of(inner), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(typing.get_args(hint)[0])}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"type": "string", "enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint):
        return reference(cast("type", hint))
    return {"type": {int: "integer", float: "number", str: "string", bool: "boolean"}[hint]}


def _limited(limit: object, schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(limit, Range):
        whole = schema.get("type") == "integer"
        return {"minimum": int(limit.low) if whole else limit.low, "maximum": int(limit.high) if whole else limit.high}
    if isinstance(limit, Text):
        lengths = {"minLength": limit.shortest, "maxLength": limit.longest}
        return lengths if limit.pattern is None else {**lengths, "pattern": f"^(?:{limit.pattern})$"}
    if isinstance(limit, Items):
        return {"minItems": limit.fewest, "maxItems": limit.most}
    return {}
