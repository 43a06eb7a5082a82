"""What may vary: axes with roles, domains and conditions. Standard library only."""
