"""What a step can be: an agent, a call, a command, a handoff, an approval, a sub-workflow."""
