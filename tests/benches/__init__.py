"""cocotb tests, one module for each module of the design; pytest runs them by test_rtl.py."""
