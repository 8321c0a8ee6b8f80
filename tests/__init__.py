"""Thin cases, by the rooms of what they test; `benches` holds the cocotb modules."""
