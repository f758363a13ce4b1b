"""A throwaway authority, and certificates that it signs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import trustme

from orchestrator.listening import Certificate


class Authority:
    """An authority whose files lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = trustme.CA()
        self.file = folder / "authority.pem"
        self._made.cert_pem.write_to_path(str(self.file))

    def certificate(self, *names: str, not_after: datetime | None = None) -> Certificate:
        """A certificate for ``names``, host names or addresses."""
        made = self._made.issue_cert(*names, not_after=not_after)
        chain, key = self._folder / f"{names[0]}.pem", self._folder / f"{names[0]}.key"
        for number, part in enumerate(made.cert_chain_pems):
            part.write_to_path(str(chain), append=number > 0)
        made.private_key_pem.write_to_path(str(key))
        return Certificate(chain=chain, key=key)
