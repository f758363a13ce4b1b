"""Taking readings in, and what is kept of a curve."""
