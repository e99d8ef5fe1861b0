"""TASK_CARDS.md: reading, editing by span, and checking what cards claim."""
