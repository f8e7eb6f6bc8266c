"""Ray Tune behind our books: who is placed next, and who is stopped early."""
