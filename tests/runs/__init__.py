"""Every command disturbed: two at once, killed at any moment, on a full or a read-only disk."""
