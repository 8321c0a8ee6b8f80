"""The engine at its pins: tiles, streams, registers, and what is seen there in words."""
