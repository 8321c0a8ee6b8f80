"""Builds a design and runs a cocotb module in it, with Icarus Verilog or Verilator."""
