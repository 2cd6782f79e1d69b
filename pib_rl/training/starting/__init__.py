"""Where the units of a training come from: as fabricated, those of another run, or from logged observations."""
