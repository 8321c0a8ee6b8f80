"""ONNX files become the same function, or are refused by name."""
