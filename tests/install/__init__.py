"""The model as an installed package."""
