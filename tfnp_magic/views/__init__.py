"""A recording as a DataFrame, as text and as HTML; nothing here imports TensorFlow or IPython.

`text` and `html` put the report together, of `wording` (sentences), `summary` (the table),
`findings`, `activities`, `annotated` (the cell) and `timeline`. `lines` has the figures by line,
`amounts` makes them short text; `diff` compares two recordings, by `pairing` their lines and, where
the text was edited, by `edited`. `dataframes`, `tables` and `markup` are rows as a DataFrame, rows
as HTML, and HTML. `merged`, `session` and `whos` show what is not one recording.
"""
