"""From a mother to a fixed, calibrated member."""
