"""How often keys and join codes that are none may be tried: by one address, and by all together.

Only what fails counts. Each address has an allowance that fills up again with time, and so have all of them together.
An address whose allowance is spent gets no further look at a key or code, good or not, until there is some again; but
whoever has signed in lately with a key goes on with it, so that a device in the same network as somebody who guesses,
or behind the same proxy, works on.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TypeVar

from orchestrator.errors import TooManyAttempts

N = TypeVar("N")
V = TypeVar("V")

AT_ONCE, A_MINUTE = 20, 12
"""What one address may fail at a time, and how many of these come back in a minute."""

ALL_AT_ONCE, ALL_A_MINUTE = 400, 240
"""The same for all addresses together."""

MOST_ADDRESSES = 4_096
MOST_KEYS = 16_384
"""How many are remembered, the latest: what this costs in memory is bounded whoever asks."""


@dataclass(slots=True)
class Allowance:
    """What may still fail: ``left`` at the time ``at_ns``, growing by ``a_minute`` up to ``most``."""

    most: float
    a_minute: float
    left: float
    at_ns: int

    def fill(self, now_ns: int) -> None:
        """Bring it up to ``now_ns``."""
        self.left = min(self.most, self.left + max(0, now_ns - self.at_ns) * self.a_minute / 60e9)
        self.at_ns = max(self.at_ns, now_ns)

    @property
    def wait_s(self) -> int:
        """In how many whole seconds there is one more; 0 where there is one."""
        return 0 if self.left >= 1 else int((1 - self.left) * 60 / self.a_minute) + 1


class Attempts:
    """What was tried and failed so far. For any number of threads; the time is a monotonic one in ns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all = Allowance(ALL_AT_ONCE, ALL_A_MINUTE, ALL_AT_ONCE, 0)
        self._addresses: OrderedDict[str, Allowance] = OrderedDict()
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def refuse_spent(self, address: str, now_ns: int, *, key: str | None = None) -> None:
        """Return if a key or code from ``address`` may be looked at.

        Raises:
            TooManyAttempts: too many failed, and ``key`` is none that was good lately.
        """
        with self._lock:
            if key is not None and _digest(key) in self._keys:
                return
            wait_s = max(one.wait_s for one in self._allowances(address, now_ns))
        if wait_s:
            raise TooManyAttempts(
                "Too many keys or codes that are none were tried.", f"Try again in {wait_s} s.", wait_s=wait_s
            )

    def failed(self, address: str, now_ns: int, *, key: str | None = None) -> None:
        """A key or code from ``address`` was none."""
        with self._lock:
            if key is not None:
                self._keys.pop(_digest(key), None)
            for one in self._allowances(address, now_ns):
                one.left = max(0.0, one.left - 1)

    def succeeded(self, key: str) -> None:
        """Somebody signed in with ``key``."""
        with self._lock:
            _remember(self._keys, _digest(key), None, MOST_KEYS)

    def _allowances(self, address: str, now_ns: int) -> tuple[Allowance, Allowance]:
        place = _network(address)
        its = self._addresses.get(place) or Allowance(AT_ONCE, A_MINUTE, AT_ONCE, now_ns)
        _remember(self._addresses, place, its, MOST_ADDRESSES)
        for one in (its, self._all):
            one.fill(now_ns)
        return its, self._all


def _remember(memory: OrderedDict[N, V], name: N, value: V, most: int) -> None:
    memory[name] = value
    memory.move_to_end(name)
    if len(memory) > most:
        memory.popitem(last=False)


def _network(address: str) -> str:
    """``address``, of IPv6 the network of 2^64 addresses that one customer has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
