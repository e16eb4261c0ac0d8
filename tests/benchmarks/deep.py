"""A module of the user's that converts 50 frames below the cell."""

from __future__ import annotations


def loop_below(depth, tensor, count):
    """The loop stands at the bottom: the frames above it stay the same."""
    if depth > 1:
        loop_below(depth - 1, tensor, count)
        return
    for _ in range(count):
        tensor.numpy()


def convert_below(depth, tensor):
    """One conversion at the bottom: called in a loop, each has frames of its own."""
    if depth > 1:
        convert_below(depth - 1, tensor)
        return
    tensor.numpy()
