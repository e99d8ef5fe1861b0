"""Durable runs of directed acyclic graphs of steps."""
