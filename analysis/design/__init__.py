"""What the next runs would tell: the expected narrowing of an answer, for its cost."""
