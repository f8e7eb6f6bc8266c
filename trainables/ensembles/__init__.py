"""Several trained networks that answer together: what they are, and the one network they make."""
