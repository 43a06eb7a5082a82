"""What may vary: axes with roles and domains. Standard library only."""
