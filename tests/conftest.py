"""What holds for every layer: the same examples in every run, and a collector kept from what it cannot collect."""

from __future__ import annotations

import gc

from hypothesis import settings

# Examples follow from the test alone, and none is timed. `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("the same in every run", derandomize=True, deadline=None)
settings.load_profile("the same in every run")

# Tests import a hundred thousand objects that stay. Looking through them after every 700 new ones, and before each pass
# that a test measures, takes a seventh of the quick layer's time.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    """Leave out of later rounds what the test files imported."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end all of it may go: extension modules report as leaks what is left."""
    gc.unfreeze()
