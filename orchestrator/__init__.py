"""What a fleet does: queue sweeps, lease jobs, keep readings, find steps, recommend schedules."""
