"""Closing a sprint: a list of routines that a workflow run carries out."""
