"""The remote substrate: a real chip behind an instrument."""
