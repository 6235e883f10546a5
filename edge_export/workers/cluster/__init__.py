"""Worker processes on other machines, which a Dask cluster lends."""
