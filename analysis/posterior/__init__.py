"""Every curve that the data leave possible, weighed."""
