"""Run folders: what a command leaves behind."""
