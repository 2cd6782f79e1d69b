"""Long links on one machine: what a link does to bytes, and a relay that does so to any TCP connection."""
