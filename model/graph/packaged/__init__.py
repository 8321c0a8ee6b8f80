"""Networks that Python packages ship, as ONNX and image files."""
