"""MIL's operators on numpy arrays, one small function each. Arguments have their names in MIL.

Operators with several results return a tuple, in MIL's order.
"""
