"""Units in series, the readout, and the model that holds them on one chip."""
