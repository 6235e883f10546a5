"""`report.html`: one page that tells all that a bundle holds, for people."""
