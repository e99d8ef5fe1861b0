"""Printing for people."""
