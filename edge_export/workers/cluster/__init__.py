"""Runs worker tasks on other machines, through a Dask scheduler."""
