"""``python -m tfnp_magic script.py``: a script, traced, that runs and ends as without us.

`programs` runs it as ``python`` would, `tracing` begins and ends the trace and writes the
report, `endings` has Python print what ended the script.
"""
