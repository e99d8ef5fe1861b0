"""Builds the workflow engine and the sprint routines from a workspace: the ports they are handed."""
