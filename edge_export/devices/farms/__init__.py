"""Farms of phones that others own: what goes there, how long it runs, and what comes back."""
