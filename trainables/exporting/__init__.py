"""The published model in the formats that others run: written, and held to the same answers."""
