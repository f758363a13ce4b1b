"""What would disturb a timed call and the call itself take turns, and neither waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agent.measure.baton import Baton, ParentsBaton
from agent.measure.sampling import Sampler
from agent.measure.synthetic import SyntheticSubject, VirtualClock
from agent.wire.jobs import ModelFacts, Round

FACTS = ModelFacts(tokens=5, prefix_tokens=1, blocks=1, image_size=32, threads=1, runtime_version="synthetic")


@pytest.fixture
def parents() -> Iterator[ParentsBaton]:
    baton = ParentsBaton()
    yield baton
    baton.close()


def childs(parents: ParentsBaton) -> Baton:
    return Baton(parents.read, parents.write)


def test_one_side_has_it_at_a_time(parents: ParentsBaton) -> None:
    with parents.held():
        assert not childs(parents).take(longest_s=0)
    assert childs(parents).take(longest_s=0)
    assert not parents.take(longest_s=0)


def test_who_waits_goes_on_when_the_other_side_gives_it_back(parents: ParentsBaton) -> None:
    child = childs(parents)
    assert child.take()
    sent = threading.Event()

    def send() -> None:
        with parents.held():
            sent.set()

    heart = threading.Thread(target=send)
    heart.start()
    assert not sent.wait(0.05)
    child.give()
    assert sent.wait(10)
    heart.join()


def test_a_child_that_died_with_it_does_not_keep_it(parents: ParentsBaton) -> None:
    for dies_with_it in (True, False):
        if dies_with_it:
            childs(parents).take()
        parents.child_is_gone()
        assert childs(parents).take(longest_s=0)
        assert not childs(parents).take(longest_s=0)
        childs(parents).give()


def test_a_child_that_dies_while_the_parent_has_it_leaves_one(parents: ParentsBaton) -> None:
    with parents.held():
        parents.child_is_gone()
        assert not childs(parents).take(longest_s=0)
    assert childs(parents).take(longest_s=0)
    assert not childs(parents).take(longest_s=0)


def test_a_call_that_had_to_wait_is_warmed_up_again_before_it_is_timed(parents: ParentsBaton) -> None:
    clock, calls = VirtualClock(), list[int]()

    def latency_ns(tokens: int) -> int:
        calls.append(tokens)
        if calls == [5]:  # the heartbeat begins during the first warm-up
            assert parents.take(longest_s=0)
            threading.Timer(0.02, parents.give).start()
        return 1_000

    sampler = Sampler(
        subject=SyntheticSubject(FACTS, latency_ns, clock.advance),
        clock=clock,
        gauge=clock,
        threads=1,
        baton=childs(parents),
    )
    sampler.measure_pass(Round(number=0, tokens=(3,), sentinel=5, min_passes=1, max_passes=1, seed=0), 0)
    assert calls == [5, 5, 5, 3, 3, 5, 5]
    assert parents.take(longest_s=0)
