"""Files and folders that appear whole or not at all, their hashes, and relative paths that were checked."""
