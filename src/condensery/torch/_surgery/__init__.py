"""What `reduce` and `grow` do: coupled units in the exported graph, cut, merged, split
and verified.
"""
