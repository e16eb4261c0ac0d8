"""A session's footers and its report, as `frames`, `text` and `html`.

`wording` has the sentences of both, `lines` the lines of one cell.
"""
