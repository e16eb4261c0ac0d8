"""Strings that attack whoever shows them, and recordings with them in every text."""

from __future__ import annotations

import dataclasses
import unicodedata
from html.parser import HTMLParser

MARKUP = "</code></td></table></div></style></script><script>alert(1)</script><img src=x onerror=y>"
ATTRIBUTE = '" onmouseover="alert(1)" x=\'y\' style=\'position:fixed\' href="javascript:alert(1)"'
TERMINAL = (
    "\x1b[2J\x1b[31m\x1b]8;;http://a\x07link\x1b]8;;\x07\x1b]52;c;YQ==\x07\x9b2J\x90q\x9c\x08\r"
)
LINES = "one\ntwo\rthree\x0bfour\x0cfive\x1csix\x85seven\u2028eight\u2029nine\r\nimport os"
ORDER = "\u202egnp.exe\u202c \u2066a\u2069 \u200f\u061c\u200b\u200d\u2060\ufeff\U000e0041\u00ad"
BROKEN = "\ud800 \udfff \x00 \ufffe \ufdd0 \U0010ffff"
MARKS = "`a` ``b`` | c | **d** [e](javascript:alert(1)) ![f](x) $g$ \\begin{h} % & _ ^ ~ {#i} <!--"
LONG = "long " * 200 + "x" * 900

ATTACKS = {
    "markup": MARKUP, "attribute": ATTRIBUTE, "terminal": TERMINAL, "lines": LINES,
    "order": ORDER, "broken": BROKEN, "marks": MARKS, "long": LONG, "empty": "",
    "number": "٣ ² 1e999 -0", "percent": "%s %d {0} {x!r} {{",
}  # fmt: skip

STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def steers(text, allowed="\n"):
    """Characters of a text that steer a terminal, or hide or reorder what stands there."""
    return {c for c in text if unicodedata.category(c) in STEERING and c not in allowed}


def poisoned(record, attack, *, kept=()):
    """A record with the attack in the place of every text, however deep; `kept` fields stay."""
    if isinstance(record, str):
        return attack
    if dataclasses.is_dataclass(record):
        fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        return type(record)(**_poisoned_fields(fields, attack, kept))
    if hasattr(record, "_fields"):
        return type(record)(**_poisoned_fields(record._asdict(), attack, kept))
    if isinstance(record, dict):
        return {poisoned(k, attack): poisoned(v, attack, kept=kept) for k, v in record.items()}
    if isinstance(record, (list, tuple)):
        return type(record)(poisoned(part, attack, kept=kept) for part in record)
    return record


def _poisoned_fields(fields, attack, kept):
    return {
        name: value if name in kept else poisoned(value, attack, kept=kept)
        for name, value in fields.items()
    }


class Page(HTMLParser):
    """Elements, attributes and text of a piece of HTML; fails on what is not balanced."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._open = set(), [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        if tag not in ("img", "br", "meta", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data!r}")

    def handle_pi(self, data):
        raise AssertionError(f"an instruction: {data!r}")

    def handle_decl(self, decl):
        raise AssertionError(f"a declaration: {decl!r}")
