"""From the facts of both ends of a conversion to what it did with the data. Pure.

`claims` is what can be said; `entering` says it of what became a tensor, `leaving` of a tensor that
was read, and `moving` of what went to another device's memory.
"""

from __future__ import annotations

from tfnp_magic.verdict.claims import (
    COPY,
    INFERRED,
    MIXED,
    NOTHING,
    OBSERVED,
    STRINGS,
    UNKNOWN,
    VIEW,
    ArrayFacts,
    after_cast,
    after_joining,
    cast_of,
    copied,
    is_cast,
    move_of,
    once_more,
    shared,
    unknown,
)
from tfnp_magic.verdict.entering import (
    may_be_shared,
    of_constructor,
    of_gathered,
    of_lent,
    of_op_argument,
    of_other_device,
    of_proto,
    of_python,
    of_scalar,
)
from tfnp_magic.verdict.leaving import (
    of_copied_read,
    of_copying_read,
    of_dropped_view,
    of_kept_view,
    of_numpy_method,
    of_string_read,
    of_written,
    was_taken,
)
from tfnp_magic.verdict.moving import (
    of_device_copy,
    of_input,
    of_placing,
    of_reading,
    with_move,
)

__all__ = [
    "COPY",
    "INFERRED",
    "MIXED",
    "NOTHING",
    "OBSERVED",
    "STRINGS",
    "UNKNOWN",
    "VIEW",
    "ArrayFacts",
    "after_cast",
    "after_joining",
    "cast_of",
    "copied",
    "is_cast",
    "may_be_shared",
    "move_of",
    "of_constructor",
    "of_copied_read",
    "of_copying_read",
    "of_device_copy",
    "of_dropped_view",
    "of_gathered",
    "of_input",
    "of_kept_view",
    "of_lent",
    "of_numpy_method",
    "of_op_argument",
    "of_other_device",
    "of_placing",
    "of_proto",
    "of_python",
    "of_reading",
    "of_scalar",
    "of_string_read",
    "of_written",
    "once_more",
    "shared",
    "unknown",
    "was_taken",
    "with_move",
]
