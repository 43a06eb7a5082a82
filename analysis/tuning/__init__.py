"""What tuning and regularisation were worth, and whether they were enough."""
