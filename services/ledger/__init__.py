"""The append-only ledger, its index, and the book that ties both together."""
