"""What a run may spend, and what workers were held for."""
