"""Merged recordings (`tfnp_magic.merge`) as `frames`, `text` and `html`.

`wording` has the sentences and tables of both, `spread` how figures differ between engines.
"""
