"""Volumes from trained generators, and their files."""
