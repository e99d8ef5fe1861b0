"""Guards for addresses, paths and secrets."""
