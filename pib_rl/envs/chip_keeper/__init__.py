"""A chip that drifts and breaks while it serves, and what its keeper sees and may do."""
