"""How hidden arrays learn: PIB, and every other way on the same hardware."""
