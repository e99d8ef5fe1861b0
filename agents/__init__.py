"""Who does the work: agents in this process, and command lines of coding agents."""
