"""Name and mark of the program, as they stand on every page."""

from __future__ import annotations

NAME = "Stepfarm"
TAGLINE = "Where one more pruned token makes a Vision Transformer faster, on the hardware where it will really run."

# Drawn here: an icon by name or emoji would be fetched from a foreign server.
_TILE = (
    '<rect width="32" height="32" rx="7" fill="#0b6bcb"/>'
    '<path d="M6 24h6v-6h6v-6h8" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" '
    'stroke-linecap="round"/>'
)
MARK = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{_TILE}</svg>'
# A blue that can be read on white and on near black: a picture does not know the theme.
WORDMARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 32" width="150" height="32">'
    f"{_TILE}"
    '<text x="42" y="23" font-family="Source Sans, Helvetica, Arial, sans-serif" font-size="21" font-weight="700" '
    f'fill="#2f7fd6">{NAME}</text></svg>'
)
