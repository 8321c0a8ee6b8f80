"""Guards: for each check of a bench a design with a fault that this check finds."""
