"""What is looked at before an orchestrator starts, and how a start is broken off."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from orchestrator.errors import StartFailed
from orchestrator.running import _no_port, breaking_off, refuse_taken
from tests.support.serving import free_port


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that the program's own handlers got."""
    numbers: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: numbers.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_port_that_somebody_listens_on_is_called_taken_and_another_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed) as refusal:
            refuse_taken("dashboard_port", port)

    assert refusal.value.message == f"Port {port} is taken by another program."
    assert "STEPFARM_DASHBOARD_PORT=" in refusal.value.advice
    refuse_taken("dashboard_port", port)


def test_the_port_that_is_named_instead_is_one() -> None:
    refusal = _no_port("port", 65_530, "127.0.0.1", OSError(errno.EADDRINUSE, "in use"))

    assert "STEPFARM_PORT=65520" in refusal.advice


def test_a_port_for_root_alone_is_not_called_taken() -> None:
    refusal = _no_port("port", 80, "127.0.0.1", PermissionError(errno.EACCES, "Permission denied"))

    assert "taken" not in str(refusal)
    assert "Port 80 is not for every user" in refusal.message
    assert "STEPFARM_PORT=8080" in refusal.advice


def test_any_other_trouble_with_a_port_is_told_as_the_system_tells_it() -> None:
    refusal = _no_port("port", 8765, "127.0.0.1", OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)))

    assert "No buffer space available" in refusal.message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_breaks_off_what_is_under_way_and_is_heard_by_the_program(heard: list[int], number: int) -> None:
    with pytest.raises(KeyboardInterrupt), breaking_off(threading.Event()):
        signal.raise_signal(number)

    assert heard == [number]


def test_what_tidies_up_after_it_is_not_broken_off(heard: list[int]) -> None:
    with contextlib.suppress(KeyboardInterrupt), breaking_off(threading.Event()):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            heard.append(0)

    assert heard == [signal.SIGINT, signal.SIGINT, signal.SIGTERM, 0]


def test_afterwards_signals_are_the_programs_own_again(heard: list[int]) -> None:
    with breaking_off(threading.Event()):
        pass

    signal.raise_signal(signal.SIGINT)

    assert heard == [signal.SIGINT]


def test_what_was_to_stop_before_does_not_begin(heard: list[int]) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(KeyboardInterrupt), breaking_off(stop):
        pytest.fail("it began")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_that_this_machine_does_not_have_is_told_as_one(host: str) -> None:
    with pytest.raises(StartFailed, match="no address of this machine"):
        refuse_taken("port", free_port(), host)
