"""How often keys and codes that are none may be tried."""

from __future__ import annotations

import pytest

from orchestrator.api import attempts
from orchestrator.api.attempts import A_MINUTE, ALL_AT_ONCE, AT_ONCE, Attempts
from orchestrator.errors import TooManyAttempts

MINUTE_NS = 60 * 10**9


def spent(tried: Attempts, address: str = "203.0.113.7", *, now_ns: int = 0) -> Attempts:
    """``tried`` with the allowance of ``address`` used up."""
    for _ in range(AT_ONCE):
        tried.failed(address, now_ns)
    return tried


def is_refused(tried: Attempts, address: str, now_ns: int = 0, *, key: str | None = None) -> bool:
    try:
        tried.refuse_spent(address, now_ns, key=key)
    except TooManyAttempts:
        return True
    return False


def test_an_address_is_refused_once_its_allowance_is_spent_and_no_other_is() -> None:
    tried = Attempts()
    for _ in range(AT_ONCE):
        assert not is_refused(tried, "203.0.113.7")
        tried.failed("203.0.113.7", 0)

    assert is_refused(tried, "203.0.113.7")
    assert not is_refused(tried, "203.0.113.8")


def test_the_refusal_says_when_to_try_again_and_then_one_more_is_looked_at() -> None:
    tried = spent(Attempts())

    with pytest.raises(TooManyAttempts, match="Try again in") as refusal:
        tried.refuse_spent("203.0.113.7", 0)

    assert is_refused(tried, "203.0.113.7", (60 // A_MINUTE - 1) * 10**9)
    assert not is_refused(tried, "203.0.113.7", refusal.value.wait_s * 10**9)


def test_an_allowance_fills_up_again_and_no_further() -> None:
    tried = spent(Attempts())

    spent(tried, now_ns=1_000 * MINUTE_NS)

    assert is_refused(tried, "203.0.113.7", 1_000 * MINUTE_NS)


def test_whoever_signed_in_lately_goes_on_beside_somebody_who_guesses() -> None:
    tried = Attempts()
    tried.succeeded("sfd_good")
    spent(tried)

    assert not is_refused(tried, "203.0.113.7", key="sfd_good")
    assert is_refused(tried, "203.0.113.7", key="sfd_guess")


def test_a_key_that_was_good_and_is_no_more_is_one_that_is_none() -> None:
    tried = Attempts()
    tried.succeeded("sfd_good")
    tried.failed("203.0.113.7", 0, key="sfd_good")
    spent(tried)

    assert is_refused(tried, "203.0.113.7", key="sfd_good")


def test_all_addresses_together_have_an_allowance_too() -> None:
    tried = Attempts()
    for number in range(ALL_AT_ONCE):
        tried.failed(f"198.51.{number // 250}.{number % 250}", 0)

    assert is_refused(tried, "203.0.113.7")


def test_a_network_of_ipv6_is_one_address() -> None:
    tried = Attempts()
    for number in range(AT_ONCE):
        tried.failed(f"2001:db8::{number:x}", 0)

    assert is_refused(tried, "2001:db8::ffff")
    assert not is_refused(tried, "2001:db8:0:1::1")


def test_an_ipv4_address_is_the_same_in_either_form() -> None:
    assert is_refused(spent(Attempts(), "203.0.113.7"), "::ffff:203.0.113.7")


def test_what_is_no_address_has_an_allowance_as_well() -> None:
    assert is_refused(spent(Attempts(), "unknown"), "unknown")


def test_whoever_asks_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_ADDRESSES", 8)
    monkeypatch.setattr(attempts, "MOST_KEYS", 8)
    tried = Attempts()

    for number in range(100):
        tried.failed(f"198.51.100.{number}", 0)
        tried.succeeded(f"sfd_{number}")

    assert len(tried._addresses) == len(tried._keys) == 8
