"""The trial table: columns, checks, files in and out."""
