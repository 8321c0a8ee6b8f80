"""Functional coverage: what has to be seen, what was seen, and the loop that closes it."""
