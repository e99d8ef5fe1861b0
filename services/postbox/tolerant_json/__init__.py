"""Reads JSON that people and agents damaged, as far as it can be read for certain."""
