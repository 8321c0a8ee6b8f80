"""The reusable verification environment: drivers, scoreboards, tiling, layer replay."""
