"""The memristive substrate: crossbars of memristors and saturating analog activations."""
