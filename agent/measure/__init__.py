"""How to time anything: order, sampling, quality, stop rule, isolation in a child. Knows nothing of torch."""
