"""Networks that Python packages ship."""
