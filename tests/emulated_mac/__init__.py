"""A Mac as its command line shows it: `xcrun` and `xcodebuild` in the documented forms, phones that are folders.

The test that a phone runs is the Swift runner, built here, or the Python runner: both know the same request folder, so
that what comes back is real.
"""
