"""A phone as adb sees it: the real ADB protocol over TCP, a folder as its file system, and faults on request."""
