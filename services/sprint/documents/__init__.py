"""The documents of a sprint: plan, summary, postmortem and the managed blocks."""
