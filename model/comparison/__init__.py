"""FFP8 beside other 8-bit systems: what each makes of a network, and how near it stays."""
