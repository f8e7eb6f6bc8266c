"""Runs on a cluster, seen from a laptop: handed over, looked at, fetched."""
