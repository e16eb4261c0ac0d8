"""An inventory (`tfnp_magic.whos`) as a DataFrame, as text and as HTML."""
