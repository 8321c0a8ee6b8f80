"""A float network as nodes, its images, and where both are read from."""
