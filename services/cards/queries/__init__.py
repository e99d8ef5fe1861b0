"""Questions to a card file: what is wrong with it, what waits for what, what a reader is told."""
