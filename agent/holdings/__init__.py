"""What this device was given to measure accuracy with, and how it is looked at before it is taken. Needs no torch."""
