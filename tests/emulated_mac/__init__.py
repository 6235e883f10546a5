"""A Mac as its command line shows it: `xcrun` and `xcodebuild` in the documented forms, phones that are folders.

The test that a phone runs is the Python runner, which knows the same request folder: what comes back is real.
"""
