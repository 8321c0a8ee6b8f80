"""The test plan."""
