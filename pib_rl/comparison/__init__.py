"""PIB beside its rivals and beside software: plan, runs, statistics, report."""
