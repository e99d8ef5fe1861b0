"""The one way to touch a disk: durable writes, locks, swaps, confined paths and managed blocks."""
