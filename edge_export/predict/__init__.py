"""Use a compiled member of a bundle on one's own file: sound or a picture."""
