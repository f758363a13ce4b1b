"""What people are told of an orchestrator that is away: once when it goes, once when it is back."""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import OrchestratorAway


class Outage:
    """Whether the orchestrator answers, as far as this agent knows; ``tell`` gets a line at each change."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._away = False

    def noticed(self, away: OrchestratorAway) -> None:
        """A request was not answered."""
        if not self._away:
            self._away = True
            self._tell(f"{away.message} Trying again until it does; what is measured is kept here and sent later.")

    def over(self) -> None:
        """A request was answered."""
        if self._away:
            self._away = False
            self._tell("The orchestrator answers again.")
