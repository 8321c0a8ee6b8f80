"""Code coverage of the design: what Verilator counts, what is excluded and why, and the gate."""
