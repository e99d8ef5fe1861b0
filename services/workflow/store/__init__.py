"""Runs in the ledger, in the index and in run files."""
