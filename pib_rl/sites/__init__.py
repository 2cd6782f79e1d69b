"""Sites: places that hold units, keys that let them in, and links between them."""
