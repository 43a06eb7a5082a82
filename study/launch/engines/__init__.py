"""What runs workers: one engine a file."""
