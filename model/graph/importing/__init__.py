"""Reads ONNX files into the graph of `model.graph.network`."""
