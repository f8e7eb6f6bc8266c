"""Files that survive: whole lines, clear errors of the disk, and who holds what."""
