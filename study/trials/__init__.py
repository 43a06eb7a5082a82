"""One trial, from its configuration to its record: the laboratory, own trainers, costs, latency, energy."""
