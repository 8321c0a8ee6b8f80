"""Every form in which an opset lets an operator be written, as small networks."""
