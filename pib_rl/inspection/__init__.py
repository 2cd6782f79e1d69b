"""What `python -m pib_rl.inspect` consists of: its configuration, a chip on the bench, findings, the report."""
