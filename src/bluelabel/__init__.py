"""Bluelabel: post office, task board, workflow engine and sprint clerk for teams of coding agents and people."""

__version__ = "0.1.0"
