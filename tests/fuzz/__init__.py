"""Random cells, run untraced and traced: all that can be seen of them must be the same.

Hypothesis draws a few bytes for each statement (`genes`); `writing` makes statements of them,
by `calls`, over the names that are there, and runs each at once, untraced and under the
oracle of `tests.contract.oracle`, which tells what crosses and how (`measuring`). The cell
is then run twice from the same state (`running`): untraced, and traced. What can be seen of
both (`outcome`) must be the same, and what the recording claims must be what was measured
(`claims`). `checking` does all of that to one cell.

    python -m tests.fuzz 20000 --seed 1

runs so many cells; the ordinary tests run a few hundred (`test_fuzz`; ``TFNP_FUZZ=20000``
makes them more). A cell that fails is shrunk, and printed so that it can be pasted.
"""
