"""Small stores with one known fault each: what the harnesses have to catch before they may judge anything else."""
