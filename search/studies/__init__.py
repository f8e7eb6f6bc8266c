"""The study of a run: what Optuna is asked and told, and the journal that keeps it."""
