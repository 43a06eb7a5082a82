"""One trial, from its configuration to its record: laboratory, own trainer, costs, latency."""
