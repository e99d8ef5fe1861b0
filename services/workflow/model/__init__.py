"""A run and its steps as values: states, moves between them, and their JSON."""
