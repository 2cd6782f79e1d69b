"""The reinforcement rule: from rollouts to changes of units and readout."""
