"""Workflow files: the canonical dialect, the older ones, and what is wrong with them."""
