"""A run seen from another shell: who holds it, how it stands, and which runs there are."""
