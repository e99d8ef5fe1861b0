"""What `up` runs: watching boxes, starting due workflows and taking over orphaned runs, in every worktree."""
