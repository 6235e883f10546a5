"""A band-split separator of any depth and width (arXiv 2312.03464)."""
