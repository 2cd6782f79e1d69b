"""Physical neural networks that learn by themselves."""
