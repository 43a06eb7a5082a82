"""What can be known before anything is trained: is it possible, how much, how long."""
