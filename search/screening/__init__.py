"""Backbones compared before the search: features computed once, linear probes, halving."""
