"""The pytest plugin: what is allowed, what a recording came to, and pytest's outcomes."""
