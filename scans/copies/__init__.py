"""Which images are copies of one another, exactly or nearly, and which belong together."""
