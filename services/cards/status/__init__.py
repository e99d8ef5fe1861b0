"""What a card says of its progress: phrases, and how a whole value is read."""
