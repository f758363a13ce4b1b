from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.codec import MAX_BODY_BYTES, Message, WireError, decode, encode, from_plain
from agent.wire.conditions import Temperature
from agent.wire.fields import Items, Range, Text
from agent.wire.jobs import Heartbeat, HeartbeatAnswer
from agent.wire.problems import Problem
from tests.support.messages import MESSAGES

FEW = settings(max_examples=60)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Shade(str, Enum):
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Message):
    width: Annotated[int, Range(1, 9)]
    shade: Shade | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Message):
    leaves: Annotated[tuple[Leaf, ...], Items(2)] = ()
    height: float = 1.0


def refusal_of(kind: type, body: bytes | str) -> WireError | None:
    """What ``body`` is refused with; any other exception fails the test."""
    try:
        decode(kind, body)
    except WireError as refused:
        return refused
    return None


def refusal(kind: type, body: bytes | str) -> str:
    with pytest.raises(WireError) as refused:
        decode(kind, body)
    return str(refused.value)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside ``value``."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


@FEW
@given(body=st.binary(max_size=60), name=st.sampled_from(sorted(MESSAGES)))
def test_any_bytes_are_a_message_or_refused_with_a_place(body: bytes, name: str) -> None:
    refused = refusal_of(type(MESSAGES[name]), body)
    assert refused is None or str(refused).startswith(f"{refused.path or 'body'}: ")


@settings(FEW, max_examples=400)
@given(data=st.data(), name=st.sampled_from(sorted(MESSAGES)), other=ANY_JSON)
def test_a_message_with_any_value_in_any_place_is_a_message_or_refused_with_a_place(
    data: st.DataObject, name: str, other: Any
) -> None:
    message = MESSAGES[name]
    plain = json.loads(encode(message))
    place = data.draw(st.sampled_from(places(plain)))
    body = json.dumps(replaced(plain, place, other))
    refused = refusal_of(type(message), body)
    if refused is None:
        changed = decode(type(message), body)
        assert decode(type(message), encode(changed)) == changed
    else:
        # A refusal is itself fit to cross the wire.
        Problem(type="not-a-message", title="", detail=str(refused), advice="")


@FEW
@given(cut=st.floats(0, 1, exclude_max=True), name=st.sampled_from(sorted(MESSAGES)))
def test_a_message_that_was_cut_off_is_refused(cut: float, name: str) -> None:
    whole = encode(MESSAGES[name])
    assert "is not JSON" in refusal(type(MESSAGES[name]), whole[: int(len(whole) * cut)])


def test_a_body_is_utf_8_and_nothing_else() -> None:
    assert "is not JSON" in refusal(Heartbeat, '{"fence":1}'.encode("utf-16"))
    assert "is not JSON" in refusal(Heartbeat, b'{"fence":1}\xff')


def test_a_body_beyond_its_limit_is_refused_unread() -> None:
    assert refusal(Heartbeat, b"x" * (MAX_BODY_BYTES + 1)) == f"body: is larger than {MAX_BODY_BYTES} bytes"
    with pytest.raises(WireError, match="is larger than 5 bytes"):
        decode(Heartbeat, b'{"fence":1}', max_bytes=5)


def test_a_body_of_any_depth_is_refused_and_not_fallen_over() -> None:
    assert refusal(Heartbeat, "[" * 200_000) == "body: is nested deeper than 32 levels"


def test_a_whole_number_is_a_fine_number() -> None:
    answer = decode(HeartbeatAnswer, b'{"lease_s":90,"cancel":false}')
    assert (answer.lease_s, type(answer.lease_s)) == (90.0, float)


def test_a_number_built_in_code_is_finite_too() -> None:
    for celsius in (float("nan"), float("inf"), 10**400):
        with pytest.raises(WireError, match="celsius: must be a finite number"):
            Temperature(sensor="soc", celsius=celsius)


def test_fields_with_a_default_may_be_left_out() -> None:
    assert decode(Tree, b"{}") == Tree()


def test_a_list_beyond_its_limit_is_refused_before_its_items_are_read() -> None:
    assert refusal(Tree, b'{"leaves":[1,2,3]}') == "leaves: must have 0 to 2 items, not 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns(Message):
    counts: tuple[Annotated[int, Range(1, 9)], ...] = ()
    words: tuple[Annotated[str, Text(3, 1, "[a-z]+")], ...] = ()
    shares: tuple[Annotated[float, Range(0, 1)], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(Message):
    counts: Annotated[int, Range(1, 9)] = 1
    words: Annotated[str, Text(3, 1, "[a-z]+")] = "a"
    shares: Annotated[float, Range(0, 1)] = 0.0


@FEW
@given(
    st.sampled_from(["counts", "words", "shares"]),
    st.lists(
        st.integers(0, 10) | st.booleans() | st.none() | st.sampled_from(["a", "b", "abcd", ""]) | st.floats(0, 2),
        max_size=5,
    ),
)
def test_a_list_is_what_its_items_are_one_by_one_and_refused_at_the_first_that_is_none(
    name: str, items: list[Any]
) -> None:
    bad = [place for place, item in enumerate(items) if refusal_of(Cell, json.dumps({name: item})) is not None]

    refused = refusal_of(Columns, json.dumps({name: items}))

    assert (refused.path if refused else None) == (f"{name}[{bad[0]}]" if bad else None)
    if not bad:
        taken = getattr(decode(Columns, json.dumps({name: items})), name)
        assert taken == tuple(items)
        assert name != "shares" or {type(item) for item in taken} <= {float}


def test_a_refusal_names_the_place_deep_inside() -> None:
    assert refusal(Tree, b'{"leaves":[{"width":1},{"width":0}]}').startswith(
        "leaves[1].width: must lie between 1 and 9"
    )
    assert refusal(Tree, b'{"leaves":[{"width":1,"shade":"light"}]}') == "leaves[0].shade: must be one of dark"
    with pytest.raises(WireError, match=r"tree\.height: must be a number, not a text"):
        from_plain(Tree, {"height": "1"}, "tree")


def test_a_kind_of_value_that_json_does_not_have_cannot_be_declared() -> None:
    @dataclass(frozen=True)
    class Wrong:
        when: complex

    with pytest.raises(TypeError, match="cannot cross the wire"):
        decode(Wrong, b'{"when":1}')
