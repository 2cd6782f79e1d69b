"""Names that stand for what is imported when it is first asked for: torch alone takes a second of CPU time."""
