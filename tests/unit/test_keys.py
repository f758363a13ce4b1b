"""Secrets: long, random, and for their owner's eyes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agent.errors import StateError
from agent.identity import normal_code
from agent.wire.enrolment import EnrolRequest
from orchestrator import keys
from orchestrator.roles import Role
from tests.support.store import a_request


def test_a_key_has_a_prefix_to_search_for_and_256_bits() -> None:
    key = keys.new_key(Role.OPERATOR)

    assert key.startswith("sfo_")
    assert len(key) >= len("sfo_") + 43
    assert key != keys.new_key(Role.OPERATOR)


def test_a_code_can_be_typed_from_a_screen() -> None:
    groups = keys.new_join_code().split("-")

    assert [len(group) for group in groups] == [4, 4, 4]
    assert set("".join(groups)) <= set(keys.CODE_ALPHABET)
    assert set(keys.CODE_ALPHABET).isdisjoint("ILOU")


def test_a_code_fits_the_wire_and_survives_being_typed_in_small_letters() -> None:
    code = keys.new_join_code()

    assert isinstance(a_request(code), EnrolRequest)
    assert normal_code(f" {code.lower()} ") == code


def test_no_two_codes_are_alike() -> None:
    assert len({keys.new_join_code() for _ in range(1_000)}) == 1_000


def test_the_operators_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    keys.write_operator_key(tmp_path, "sfo_secret")

    assert stat.S_IMODE((tmp_path / "operator.key").stat().st_mode) == 0o600
    assert keys.read_operator_key(tmp_path) == "sfo_secret"


def test_a_key_file_that_others_could_read_is_replaced_not_filled(tmp_path: Path) -> None:
    (tmp_path / "operator.key").write_text("")
    (tmp_path / "operator.key").chmod(0o644)

    keys.write_operator_key(tmp_path, "sfo_secret")

    assert stat.S_IMODE((tmp_path / "operator.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_no_key_is_no_key(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "operator.key").write_text(content)

    assert keys.read_operator_key(tmp_path) is None


def test_a_key_that_cannot_be_read_or_written_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "operator.key").mkdir()

    with pytest.raises(StateError) as unread:
        keys.read_operator_key(tmp_path)
    with pytest.raises(StateError) as unwritten:
        keys.write_operator_key(tmp_path, "sfo_x")

    assert unread.value.advice
    assert unwritten.value.advice
    assert "sfo_x" not in str(unwritten.value)
