"""Model families, one a file, and how big a network is."""
