"""The committed networks, their images, and the script that trained them."""
