"""The notebook's side: the only package that imports IPython, but for the guards' debugger.

`extension` loads it into a shell. `magics` parses what a user typed; `cell` runs a traced cell
natively; `annotating` hands out its copy with comments; `defaults` is what ``%config
InteropTrace`` sets. `session` traces every cell, `session_commands` turns that on and off,
`session_runs` is what it remembers. `showing` is where a shell shows progress.
"""
