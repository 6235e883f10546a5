"""The same tasks on other machines, by a Dask scheduler."""
