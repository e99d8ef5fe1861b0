"""inbox.json, outbox.json and drop/: views of the ledger, and entrances to it."""
