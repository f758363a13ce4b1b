"""Chaos: real agents and a real API, killed, paused, cut off and out of room, and what the database says afterwards."""
