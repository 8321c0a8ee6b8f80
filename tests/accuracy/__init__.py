"""The accuracy command."""
