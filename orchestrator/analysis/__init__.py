"""What readings say: curves, steps, sweet spots, recommendations and plans. Pure functions of values, numpy alone."""
