"""Sprints: plan, launch, figures, closeout, postmortem."""
