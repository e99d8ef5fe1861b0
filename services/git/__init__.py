"""git by its command line, and the merge drivers."""
