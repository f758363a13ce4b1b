"""Name and mark of the program, as they stand on every page."""

from __future__ import annotations

NAME = "Stepfarm"
TAGLINE = "Where one more pruned token makes a Vision Transformer faster, on the hardware where it will really run."

# Drawn here: an icon by name or emoji would be fetched from a foreign server.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6bcb"/>'
    '<path d="M6 24h6v-6h6v-6h8" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" '
    'stroke-linecap="round"/></svg>'
)
