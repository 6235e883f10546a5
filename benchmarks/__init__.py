"""Side-by-side measurements against other exporters; see README.md. Never part of the tests."""
