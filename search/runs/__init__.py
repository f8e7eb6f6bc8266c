"""A run directory while its driver writes it: made, locked, appended to, asked to stop."""
