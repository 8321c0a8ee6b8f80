"""The test plan: features, what proves each, and what the last runs gave."""
