"""Training of policies: settings, building, the loop, evaluation."""
