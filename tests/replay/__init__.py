"""Layer replay, right and wrong."""
