"""Agents in files: plain data and tensors, nothing that runs when it is read."""
