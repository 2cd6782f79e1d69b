"""Trained chips as tables of conductances, pulses, phases or weights, and back: `pib-rl export` and `restore`."""
