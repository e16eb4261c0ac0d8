"""When conversions happened: `lanes` of bars above an `axis`, as `rows`, then `text` and `html`.

`strip` draws a lane as a picture; `perfetto` writes a file for Perfetto.
"""
