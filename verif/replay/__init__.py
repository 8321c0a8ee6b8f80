"""Layer replay: a quantized network through the simulated engine, every output compared."""
