"""The verification environment: it meets a design through an adapter, and knows no pin itself."""
