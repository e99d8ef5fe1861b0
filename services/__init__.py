"""What the platform does; a room for each ability."""
