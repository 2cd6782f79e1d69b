"""What `python -m pib_rl.characterise` consists of: its configuration, a chip on the bench, findings, the report."""
