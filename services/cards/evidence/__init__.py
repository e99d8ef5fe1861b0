"""What a card claims, and what git, the disk and the tests say of it."""
