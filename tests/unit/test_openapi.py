"""The OpenAPI description says what the codec takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from agent.wire.codec import Message
from agent.wire.fields import Items, Range, Text
from agent.wire.jobs import DataType
from orchestrator.api import openapi
from orchestrator.api.application import create_application
from orchestrator.wiring import Orchestrator


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Message):
    """A part."""

    name: Annotated[str, Text(9, 2, "[a-z]+")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Message):
    """A whole."""

    count: Annotated[int, Range(1, 5)]
    share: Annotated[float, Range(0, 1)] | None = None
    parts: Annotated[tuple[Inner, ...], Items(3, 1)]
    kind: DataType = DataType.FLOAT32
    done: bool


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    def never() -> Orchestrator:
        raise AssertionError("describing needs no orchestrator")

    return create_application(never).openapi()


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield str(inner)
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_limits_of_fields_are_in_the_schema() -> None:
    assert openapi.reference(Outer) == {"$ref": "#/components/schemas/Outer"}

    schema = openapi.components()["Outer"]
    assert schema["properties"] == {
        "count": {"type": "integer", "minimum": 1, "maximum": 5},
        "share": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}, "minItems": 1, "maxItems": 3},
        "kind": {"type": "string", "enum": ["float32", "float16", "bfloat16"]},
        "done": {"type": "boolean"},
    }
    assert schema["required"] == ["count", "parts", "done"]
    assert schema["additionalProperties"] is False


def test_lengths_and_patterns_of_texts_are_in_the_schema() -> None:
    openapi.reference(Outer)

    assert openapi.components()["Inner"]["properties"]["name"] == {
        "type": "string",
        "minLength": 2,
        "maxLength": 9,
        "pattern": "^(?:[a-z]+)$",
    }


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    names = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}

    assert set(references(description)) <= names


def test_every_route_says_what_it_answers_and_how_it_refuses(description: dict[str, Any]) -> None:
    for name, operation in operations(description).items():
        if name == "GET /metrics":
            assert list(operation["responses"]["200"]["content"]) == ["text/plain"]
            continue
        (good,) = (content["schema"] for content in operation["responses"]["200"]["content"].values())
        refusal = operation["responses"]["4XX"]["content"]["application/problem+json"]["schema"]
        assert good.get("format") == "binary" or good["$ref"].startswith("#/components/schemas/"), name
        assert refusal == {"$ref": "#/components/schemas/Problem"}, name
        assert operation["description"], name


def test_every_route_that_takes_something_says_what(description: dict[str, Any]) -> None:
    for name, operation in operations(description).items():
        assert ("requestBody" in operation) is name.startswith("POST"), name


def test_no_message_of_the_framework_is_promised(description: dict[str, Any]) -> None:
    assert not re.search("HTTPValidationError|ValidationError", str(description))


def test_no_two_messages_share_a_name() -> None:
    openapi.reference(Outer)

    with pytest.raises(ValueError, match="Outer"):
        openapi.reference(type("Outer", (Message,), {}))
