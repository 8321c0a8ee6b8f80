"""The regression runner, on throw-away projects."""
