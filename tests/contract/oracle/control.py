"""The control of a row whose call works on the data: the same call on data that is at home.

What it copies then is the call's own doing, and no part of a conversion.
"""

from __future__ import annotations

import ast
import collections

import numpy as np

from tests.contract.row import FROM_PY, TO_NP, TO_PY, TO_TF, Row


def natives(row: Row, space: dict) -> dict:
    """Each operand's counterpart on the side that it goes to: same data, same dtype."""
    import tensorflow as tf

    array = _with_numpy if ".numpy()" in row.code else np.array
    counterpart = {TO_TF: tf.constant, FROM_PY: tf.constant, TO_NP: array, TO_PY: array}
    return {name: counterpart[way](space[name]) for name, way in row.crosses.items()}


class _Array(np.ndarray):
    """An array that can be asked for itself as a tensor is."""

    def numpy(self):
        return self.view(np.ndarray)


def _with_numpy(value):
    return np.array(value).view(_Array)


def names_read(row: Row) -> set[str]:
    """The names that the call looks up: in its code, and in functions that the setup made.

    An operand that is not among them cannot be replaced: it stands for data that the call
    makes itself.
    """
    made = [
        node
        for node in ast.walk(ast.parse(row.setup))
        if isinstance(node, (ast.FunctionDef, ast.Lambda))
    ]
    trees = [ast.parse(row.code), *made]
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def without(copies: list[tuple], own: list[tuple]) -> list[tuple]:
    """The pairs of needle and block but for as many of each needle as the control has.

    Both were searched for the same needles. Of two blocks that held one content nobody can
    say which is whose: the earlier are taken off.
    """
    # By identity: needles that are equal would be compared array by array.
    left = collections.Counter(id(needle) for needle, _ in own)
    kept = []
    for needle, block in copies:
        if left[id(needle)]:
            left[id(needle)] -= 1
        else:
            kept.append((needle, block))
    return kept
