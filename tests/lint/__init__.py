"""What `make lint` refuses."""
