"""Devices from measured pulses: `pib-rl fit`."""
