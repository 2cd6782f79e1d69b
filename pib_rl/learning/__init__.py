"""What `python -m pib_rl.learn` consists of: data, configuration, judgement, pictures."""
