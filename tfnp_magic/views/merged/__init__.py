"""Merged recordings (`tfnp_magic.merge`) as DataFrames, as text and as HTML."""
