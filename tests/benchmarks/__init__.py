"""What a trace costs, measured against its neighbours: ``python -m tests.benchmarks``.

======================  =================================================================
``cells``, ``deep``     the code that is measured, as a user might write it
``tools``               what it is measured under: us and the neighbours, in this process
``measuring``           rounds: untraced, tool, untraced, tool, …
``in_process``          a script that measures the same cells in a process of its own
``separately``          running that script: untraced, under Scalene, with debug dumps
``figures``             ratios, their medians and quartiles; what could not be measured
``machine``, ``table``  what it ran on; everything as one Markdown table
======================  =================================================================
"""
