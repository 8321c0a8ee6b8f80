"""The golden vectors."""
