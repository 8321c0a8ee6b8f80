"""From a float network to one on FFP8 codes: calibration, choice of formats, rounding."""
