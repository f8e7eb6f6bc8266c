"""Which trained networks answer together, chosen by what they said of the validation images."""
