"""The reusable verification environment, one room a purpose."""
