"""Environments with hardware inside."""
