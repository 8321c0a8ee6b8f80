"""FFP8 and the other systems on real networks, as tables and pictures."""
