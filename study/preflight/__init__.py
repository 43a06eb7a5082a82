"""What can be known before anything is trained: is it possible, how much is it, how long will it take."""
