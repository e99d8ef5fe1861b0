"""The small language of `when`, `unless` and templates; it has no access to Python."""
