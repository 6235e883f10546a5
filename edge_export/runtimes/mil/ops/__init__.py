"""MIL's operators on numpy arrays, one small function each; arguments have the names that MIL gives them.

Operators with several results give a tuple, in MIL's order.
"""
