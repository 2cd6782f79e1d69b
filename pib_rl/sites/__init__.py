"""Sites: places where some units of a network live, links between them, and what travels on those."""
