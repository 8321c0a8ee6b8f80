"""Golden vectors, for users of other environments."""
