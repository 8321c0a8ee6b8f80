"""A design that is not this project's, and what the environment needs to verify it."""
