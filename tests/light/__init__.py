"""Whole networks that ONNX carries for tests of its own."""
