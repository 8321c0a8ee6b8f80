"""The environment itself, without a simulator."""
