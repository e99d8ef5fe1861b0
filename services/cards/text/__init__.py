"""The text of a card file: its grammar, and what is read from it."""
