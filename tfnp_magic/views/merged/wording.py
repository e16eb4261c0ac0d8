"""Sentences and tables that the text and the HTML view of merged recordings share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tfnp_magic.advice import Finding, findings
from tfnp_magic.advice.rank import rank
from tfnp_magic.figures import counted
from tfnp_magic.views.merged.frames import summed
from tfnp_magic.views.merged.spread import (
    KINDS,
    RANGE,
    WHOLE,
    LineSpread,
    Spread,
    engine_spreads,
    line_spreads,
)
from tfnp_magic.views.tables import Table
from tfnp_magic.views.wording import remarks, totals

if TYPE_CHECKING:
    from tfnp_magic.merging import Absence, Engine, Merged

MOST_NAMED = 8
"""Engines that a sentence names one by one."""

MOST_ROWS = 8
"""Engines that a table has a row for, where they are no outliers."""

_MOST_OUTLIERS, _MOST_LINES, _MOST_NOTES, _MOST_FINDINGS = 5, 40, 8, 12


def opening(merged: Merged) -> str:
    """One sentence of totals over the engines that sent a recording."""
    engines = counted(len(merged.recordings), "engine")
    if not merged.recordings:
        return f"No recording came from any of {counted(len(merged.absent), 'engine')}."
    total = summed(merged)
    name = merged.cells[0].name if len(merged.cells) == 1 else f"{len(merged.cells)} cells"
    total.title = f"{name or 'The traced code'} on {engines}"
    return totals(total)


def warnings(merged: Merged) -> list[str]:
    """What makes the figures incomplete: engines that sent nothing, or whose cell was ended."""
    reasons: dict[Absence, list[Engine]] = {}
    for engine, why in merged.absent.items():
        reasons.setdefault(why, []).append(engine)
    texts = [f"No recording from {_named(engines)}: {why}." for why, engines in reasons.items()]
    ended: dict[str, list[Engine]] = {}
    for engine, recording in merged.recordings.items():
        if recording.error:
            ended.setdefault(recording.error, []).append(engine)
    return texts + [
        f"The cell was ended by {error} on {_named(engines)}: what is told is of what ran before."
        for error, engines in ended.items()
    ]


def _named(engines: Sequence[Engine]) -> str:
    """``engine 3``, ``engines 3, 9``, the first few."""
    shown = ", ".join(map(str, engines[:MOST_NAMED]))
    more = len(engines) - MOST_NAMED
    if more > 0:
        shown += f" and {more:,} more"
    return f"engine{'s' if len(engines) > 1 else ''} {shown}"


def engines_text(engines: Sequence[Engine], of: Sequence[Engine]) -> str:
    """``on all 200 engines``, ``on 198 of 200 engines (not on 3, 9)``, ``on engine 3 only``."""
    missing = [engine for engine in of if engine not in set(engines)]
    if not missing:
        if len(of) == 1:
            return f"on engine {of[0]}"
        return f"on {'both' if len(of) == 2 else f'all {len(of):,}'} engines"
    if len(engines) == 1:
        return f"on engine {engines[0]} only"
    text = f"on {len(engines):,} of {len(of):,} engines"
    if len(missing) <= MOST_NAMED // 2:
        return f"{text} (not on {', '.join(map(str, missing))})"
    return f"{text} ({_named(engines).partition(' ')[2]})" if len(engines) <= MOST_NAMED else text


# Findings.


class SharedFinding(NamedTuple):
    """A finding on several engines: the worst one's, and whose that is."""

    finding: Finding
    worst: Engine
    engines: list[Engine]
    of: list[Engine]
    alike: bool

    @property
    def sentence(self) -> str:
        """On which engines, what happened on the worst of them, and what to write instead."""
        where = engines_text(self.engines, self.of)
        if not self.alike:
            where += f", most on engine {self.worst}"
        return f"{where[0].upper()}{where[1:]}: {self.finding.sentence}"


def shared_findings(merged: Merged) -> tuple[list[SharedFinding], int]:
    """The findings that a report shows, each once, the worst first; and how many more."""
    groups: dict[tuple[Any, ...], dict[Engine, Finding]] = {}
    ran: dict[tuple[Any, ...], list[Engine]] = {}
    for cell in merged.cells:
        for engine in cell.engines:
            met: dict[tuple[Any, ...], int] = {}
            for finding in findings(merged.aligned[engine]):
                kind = cell.name, finding.kind, finding.site, _dtypes(finding)
                met[kind] = met.get(kind, 0) + 1
                key = *kind, met[kind]
                groups.setdefault(key, {})[engine] = finding
                ran[key] = cell.engines
    shared = [_shared(by_engine, ran[key]) for key, by_engine in groups.items()]
    shared.sort(key=lambda each: rank(each.finding))
    return shared[:_MOST_FINDINGS], max(0, len(shared) - _MOST_FINDINGS)


def _dtypes(finding: Finding) -> tuple[str, ...]:
    """The dtypes that it names: figures differ from engine to engine, these do not."""
    return tuple(_DTYPE.findall(finding.what))


_DTYPE = re.compile(r"\b(?:u?int\d+|b?float\d+|complex\d+|bool|string)\b")


def _shared(by_engine: dict[Engine, Finding], of: list[Engine]) -> SharedFinding:
    worst = min(by_engine, key=lambda engine: rank(by_engine[engine]))
    alike = len({finding.what for finding in by_engine.values()}) == 1
    return SharedFinding(by_engine[worst], worst, list(by_engine), of, alike)


# Tables.


def line_tables(merged: Merged) -> tuple[list[tuple[str, Table]], list[str]]:
    """By cell or file, its lines with figures per engine; and sentences on what stands out."""
    lines = line_spreads(merged)
    hottest = set(map(id, sorted(lines, key=_heat, reverse=True)[:_MOST_LINES]))
    shown = [line for line in lines if id(line) in hottest]
    kinds = [
        kind
        for kind in KINDS
        if any(any(line.spreads[kind.name].values.values()) for line in shown)
    ]
    tables: list[tuple[str, Table]] = []
    for line in shown:
        source = line.place.source if line.place else ""
        if not tables or tables[-1][0] != source:
            tables.append(
                (source, Table(["line", "engines", *(k.name for k in kinds), "code"], []))
            )
        numbers = [line.spreads[kind.name].text(kind.how) for kind in kinds]
        tables[-1][1].rows.append([_line(line), _share(line), *numbers, _code(line)])
    notes = [note for line in lines if (note := _note(line))]
    if any(RANGE in text for _, table in tables for row in table.rows for text in row[2:-1]):
        notes.insert(0, f"Figures are of each engine: where they differ, the least{RANGE}the most.")
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"{counted(len(notes) - _MOST_NOTES, 'more line')} with outliers."]
    if len(lines) > len(shown):
        notes.append(f"{counted(len(lines) - len(shown), 'more line')}: `merged.summary()`.")
    return tables, notes


def _heat(line: LineSpread) -> tuple[bool, int]:
    """Silent casts come first, as in the summary of one recording."""
    total = line.total
    cost = total.copied.known + total.moved.known + total.duration.known
    return total.silent_casts > 0, cost


def _line(line: LineSpread) -> str:
    return str(line.place.line) if line.place and line.place.line else "?"


def _code(line: LineSpread) -> str:
    return line.place.code if line.place else "(no line known)"


def _share(line: LineSpread) -> str:
    engines, of = len(line.engines), len(line.of)
    return f"all {of:,}" if engines == of else f"{engines:,} of {of:,}"


def _note(line: LineSpread) -> str:
    """What stands out most: one sentence for a line."""
    where = f"line {_line(line)} of {line.place.source}" if line.place else "on no known line"
    for kind in KINDS:
        spread = line.spreads[kind.name]
        if spread.outliers:
            return f"{where}: {kind.name} {_apart(spread, kind.how)}."
    return ""


def _apart(spread: Spread, how: Any) -> str:
    outliers = spread.outliers
    each = [f"{how(spread.values[engine])} on engine {engine}" for engine in outliers[:3]]
    more = f" and {len(outliers) - 3:,} more" if len(outliers) > 3 else ""
    return f"{', '.join(each)}{more}; {spread.text(how, spread.others())} on the others"


def engine_table(merged: Merged) -> Table | None:
    """A row for each of a few engines; of many, for those that stand out, and one for the rest."""
    recordings = merged.recordings
    if not recordings:
        return None
    spreads = engine_spreads(recordings)
    kinds = [kind for kind in (*KINDS, WHOLE) if any(spreads[kind.name].values.values())]
    ended = any(recording.error for recording in recordings.values())
    alone = _told_alone(merged, spreads)
    rest = [engine for engine in recordings if engine not in set(alone)]
    rows = [[str(e), *(spreads[k.name].text(k.how, [e]) for k in kinds)] for e in alone]
    if rest:
        name = f"the other {len(rest):,}" if alone else f"all {len(rest):,}"
        rows.append([name, *(spreads[k.name].text(k.how, rest) for k in kinds)])
    head = ["engine", *(kind.name for kind in kinds)]
    if ended:
        head.append("ended by")
        errors = [recordings[engine].error or "" for engine in alone] + [""] * bool(rest)
        rows = [[*row, error] for row, error in zip(rows, errors, strict=True)]
    return Table(head, rows, words=int(ended))


def _told_alone(merged: Merged, spreads: dict[str, Spread]) -> list[Engine]:
    recordings = merged.recordings
    if len(recordings) <= MOST_ROWS:
        return list(recordings)
    ended = [engine for engine, recording in recordings.items() if recording.error]
    apart = [engine for spread in spreads.values() for engine in spread.outliers]
    return list(dict.fromkeys([*ended, *apart]))[:_MOST_OUTLIERS]


# What else there is to say.


def closing(merged: Merged, more_findings: int) -> list[str]:
    """How the engines' cells and versions differ, and what a single report would remark, summed."""
    texts = []
    if len(merged.cells) > 1:
        parts = [
            f"{cell.name} {engines_text(cell.engines, list(merged.recordings))}"
            for cell in merged.cells
        ]
        texts.append(
            f"The engines ran different cells, told apart by their text: {'; '.join(parts)}."
        )
    texts += [text for cell in merged.cells if (text := _numbered(cell.titles))]
    texts += _versions(merged)
    if len(merged.recordings) > MOST_ROWS:
        texts.append("A row for each engine: `merged.by_engine()`.")
    lost = [f"Lost on engine {e}: {t}." for e, r in merged.recordings.items() for t in r.lost]
    if len(lost) > MOST_NAMED:
        lost[MOST_NAMED:] = [f"{len(lost) - MOST_NAMED:,} more were lost: `merged.recordings`."]
    return [*texts, *lost, *(remarks(summed(merged), more_findings) if merged.recordings else [])]


def _numbered(titles: dict[Engine, str]) -> str:
    """That the same cell has several numbers; empty where it has one."""
    engines: dict[str, list[Engine]] = {}
    for engine, title in titles.items():
        engines.setdefault(title, []).append(engine)
    if len(engines) == 1:
        return ""
    parts = [f"{title} on {_named(those)}" for title, those in list(engines.items())[:MOST_NAMED]]
    return f"The same text is {', '.join(parts)}."


def _versions(merged: Merged) -> list[str]:
    """Packages whose versions are not the same on all engines."""
    found: dict[str, dict[str, list[Engine]]] = {}
    for engine, recording in merged.recordings.items():
        for package, version in recording.versions.items():
            found.setdefault(package, {}).setdefault(version, []).append(engine)
    return [
        f"Not the same {package} everywhere: "
        + ", ".join(f"{version} on {_named(engines)}" for version, engines in versions.items())
        + "."
        for package, versions in found.items()
        if len(versions) > 1
    ]
