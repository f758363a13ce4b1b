"""Simulated devices: latencies that are known beforehand, for demonstrations, tests and load. No hardware is timed."""
