"""Settings of what stands beside `train`: logs of observations, and agents in software."""
