"""Tasks of this package that need no hardware."""
