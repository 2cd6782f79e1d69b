"""What `python -m pib_rl.adapt` consists of: its configuration, a trained chip that breaks and learns on, pictures."""
