"""One network whose units live in several processes: what travels forward, what is broadcast, and what stays."""
