"""The campaign that takes out each check and wants its guards to fail."""
