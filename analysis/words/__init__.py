"""Findings to sentences, numbers to the digits they have: the only place with words for people."""
