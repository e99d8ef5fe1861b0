"""The doors: command line, API, MCP and web."""
