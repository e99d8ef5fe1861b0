"""Runs a workflow: which step is next, its attempts, retries, pools, ownership and recovery."""
