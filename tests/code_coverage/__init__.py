"""Code coverage: counts, exclusions, and the command."""
