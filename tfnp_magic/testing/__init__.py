"""Budgets for tests: limits on what a test, or a block of it, may convert, copy, move and cast.

`limits` reads what the user allows, `measured` says what a recording came to, `exceeded` compares
the two, `telling` puts it into words, `watching` traces a test, `blocks` a part of one, and
`holding` keeps what its names hold until its trace is over. `tfnp_magic.pytest_plugin` puts these
in pytest's hooks. Bytes and counts only: they are the same on every machine, as seconds are not.
"""
