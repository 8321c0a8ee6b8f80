"""Cover points, exclusions, and the loop that closes them."""
