"""Settings, the workspace that ties adapters to services, and the processes that run them."""
