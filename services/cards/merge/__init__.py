"""Joins three versions of a card file, card by card and field by field."""
