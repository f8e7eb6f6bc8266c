"""Which image trains, which one validates, which one is kept for the test."""
