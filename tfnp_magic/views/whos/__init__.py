"""An inventory (`tfnp_magic.whos`) as a `frame`, `text` and `html`.

`cells` are a row in words, `converting` what converting would do, `words` the sentences around.
"""
