"""What every door shows: one frozen record for each noun of ``--json``, and the schema made from it."""
