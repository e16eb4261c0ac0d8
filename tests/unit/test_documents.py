"""README and docs: what they link to and tell to run is there; they list every notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tfnp_magic

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = DOCUMENTS[0].read_text(encoding="utf-8")


def anchor(heading):
    """What a link to a heading is called."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(path):
    text = path.read_text(encoding="utf-8")
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    for link in links:
        if link.startswith("https://"):
            continue
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_tests_that_are_named_are_there(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.])((?:tests|demo_notebooks|tfnp_magic)/[\w/.-]*\w)", text)
    for name in named:
        assert (ROOT / name).exists() or name in _EXAMPLES, name


_EXAMPLES = {"tests/test_train.py"}
"""Files of a user's, in what a test's failure looks like."""


def test_modules_that_are_run_are_there():
    for path in DOCUMENTS:
        for module in re.findall(r"python -m\s+(tests[\w.]*)", path.read_text(encoding="utf-8")):
            place = ROOT / module.replace(".", "/")
            assert (place / "__main__.py").exists() or place.with_suffix(".py").exists(), module


def test_every_document_and_notebook_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\(([^)\s#]+)", README))
    files = [*ROOT.glob("docs/*.md"), *ROOT.glob("demo_notebooks/*.ipynb")]
    missing = {file.relative_to(ROOT).as_posix() for file in files} - linked
    assert missing == set()


def test_the_changelog_has_every_version_to_this_one_newest_first():
    told = re.findall(r"^- \*\*(\d+\.\d+\.\d+)\*\*", README, flags=re.MULTILINE)
    numbers = [tuple(map(int, version.split("."))) for version in told]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == (0, 1, 0)
    assert [minor for _, minor, _ in reversed(numbers)] == list(range(1, len(numbers) + 1))
    assert tfnp_magic.__version__ in told


def test_python_in_the_documents_can_be_compiled():
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
            compile(block, path.name, "exec")
