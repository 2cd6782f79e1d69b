"""Trainings that stop, and go on."""
