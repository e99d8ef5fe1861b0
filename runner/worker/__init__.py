"""Takes messages of an agent one after another, runs the agent, and records the answer."""
