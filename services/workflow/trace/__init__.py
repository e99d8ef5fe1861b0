"""What a run did, step by step: reports, comparisons and spans."""
