"""The words everyone shares: models, events, ports, errors, limits. Imports nothing else of ours."""
