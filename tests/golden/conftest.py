"""Reports compared with the files that were reviewed."""

from __future__ import annotations

from pathlib import Path

import pytest

EXPECTED = Path(__file__).with_name("expected")


@pytest.fixture
def expect(request):
    """Compare a report with the file of that name, or renew the file."""

    def compare(name: str, report: str) -> None:
        path = EXPECTED / name
        if request.config.getoption("renew"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(report + "\n", encoding="utf-8")
        assert report + "\n" == path.read_text(encoding="utf-8"), "see --renew"

    return compare
