"""What one user-facing call really does with the data, measured without any probe.

A preloaded malloc and memcpy (`interpose`) tell which buffers came to hold the contents of
an operand (`needles`); addresses and a flipped byte tell what shares memory (`aliases`).
Nothing here may import `tfnp_magic`: the oracle is what its probes are judged by.
"""
