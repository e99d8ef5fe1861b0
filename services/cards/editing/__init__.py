"""Edits of a card file: one span changes, and every other byte stays."""
