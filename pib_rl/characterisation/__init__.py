"""What `python -m pib_rl.characterise` consists of: configuration, test chip, measurements, report."""
