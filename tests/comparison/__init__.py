"""The other systems, and how all are measured."""
