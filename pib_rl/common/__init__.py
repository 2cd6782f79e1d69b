"""What both physics and learning need: random streams, options, limits."""
