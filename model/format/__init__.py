"""The FFP8 number format: a code and its value, formats by name, and the judge of both."""
