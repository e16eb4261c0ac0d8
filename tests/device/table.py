"""The terminal's table: what our recordings say that moved, beside what the devices counted."""

from __future__ import annotations

PROPERTY = "moves"
"""Name of the property in which a test leaves what the table shows of its row."""

_REPORTED = ("passed", "failed", "xfailed")
_COLUMNS = ("to device", "to host", "between")


def properties(row, ran) -> tuple[str, dict]:
    """What a test records of a traced run; plain data, as it comes from another process."""
    told = {
        "row": row.name,
        "blind": row.blind,
        "ours": tuple(ran.ours),
        "device": tuple(ran.device),
    }
    return PROPERTY, told


def write(terminal) -> None:
    """Write the table of all rows that the terminal has reports of; nothing if there are none."""
    told = [
        value
        for kind in _REPORTED
        for report in terminal.getreports(kind)
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if told:
        terminal.write_sep("-", "device moves, in bytes")
        for line in lines(told):
            terminal.write_line(line)


def lines(told: list[dict]) -> list[str]:
    """The table as text: a line for each row, and the sum of it in the last one.

    Rows come as the terminal has them: those that agree, those that differ, those that are blind.
    """
    width = max(len(row["row"]) for row in told)
    heads = ["recording", "", "", "device", "", ""]
    return [
        " " * width + "".join(f"{head:>11}" for head in heads),
        "row".ljust(width) + "".join(f"{column:>11}" for column in _COLUMNS * 2),
        *(_line(row, width) for row in told),
        _sum(told),
    ]


def _line(row, width):
    numbers = "".join(f"{_number(n):>11}" for n in (*row["ours"], *row["device"]))
    remark = "  blind" if row["blind"] else "" if _agree(row) else "  differs"
    return row["row"].ljust(width) + numbers + remark


def _number(nbytes):
    return "unknown" if nbytes is None else f"{nbytes:,}"


def _agree(row):
    return row["ours"] == row["device"]


def _sum(told):
    eager = [row for row in told if not row["blind"]]
    wrong = sum(not _agree(row) for row in eager)
    said = f"{len(eager):,} eager rows: {f'{wrong:,} differ' if wrong else 'no difference'}"
    blind = len(told) - len(eager)
    return f"{said}; {blind:,} blind (inside graphs)" if blind else said
