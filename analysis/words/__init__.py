"""Findings to sentences, and numbers to as many digits as they have: the only place with words for people."""
