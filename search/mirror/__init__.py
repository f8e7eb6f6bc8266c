"""A run directory's copy on an object store: what is put there, when, and how it comes back."""
