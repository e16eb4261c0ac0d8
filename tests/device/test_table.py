"""The table says of each row what both sides counted, and in its last line whether they agree."""

from __future__ import annotations

from tests.device import table

SAME = {"row": "read", "blind": "", "ours": (0, 4000, 0), "device": (0, 4000, 0)}
OTHER = {"row": "put", "blind": "", "ours": (4, None, 0), "device": (4, 0, 0)}
BLIND = {"row": "call", "blind": "in graphs", "ours": (0, 0, 0), "device": (4, 0, 0)}


def test_rows_that_agree():
    lines = table.lines([SAME, BLIND])
    assert lines[2].split() == ["read", "0", "4,000", "0", "0", "4,000", "0"]
    assert lines[3].split() == ["call", "0", "0", "0", "4", "0", "0", "blind"]
    assert lines[-1] == "1 eager rows: no difference; 1 blind (inside graphs)"


def test_what_is_unknown_differs():
    lines = table.lines([SAME, OTHER])
    assert lines[3].split() == ["put", "4", "unknown", "0", "4", "0", "0", "differs"]
    assert lines[-1] == "2 eager rows: 1 differ"
