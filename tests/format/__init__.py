"""The number format and its codec, before four judges."""
