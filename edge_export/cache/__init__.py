"""What can be made again: finished steps of builds by what went into them, environments, logs."""

from edge_export.cache.folders import cache_folder, log_folder

__all__ = ["cache_folder", "log_folder"]
