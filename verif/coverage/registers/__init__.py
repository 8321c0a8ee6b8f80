"""The registers' cover points, and the surroundings in which they close."""
