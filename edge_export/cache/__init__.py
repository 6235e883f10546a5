"""Files that can be created again: finished steps of builds by their inputs, environments, logs."""

from edge_export.cache.folders import cache_folder, log_folder

__all__ = ["cache_folder", "log_folder"]
