"""PIB, other learners and software agents compared: plan, runs, statistics, report."""
