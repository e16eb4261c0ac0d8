"""``help`` of a package names each of its modules: a stranger finds all of them there."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import tfnp_magic

PACKAGES = ["tfnp_magic"] + [
    module.name
    for module in pkgutil.walk_packages(tfnp_magic.__path__, "tfnp_magic.")
    if module.ispkg
]


@pytest.mark.parametrize("name", PACKAGES)
def test_help_of_a_package_names_each_of_its_modules(name):
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    named = set(re.findall(r"(?<![\w`])`{1,2}(\w+)`{1,2}", package.__doc__))
    assert modules - named == set()


def test_the_map_has_no_row_for_what_is_gone():
    table = tfnp_magic.__doc__.partition("=\n")[2].rpartition("\n=")[0]
    rows = {name for row in table.split("\n") for name in re.findall(r"^``(\w+)``", row)}
    assert rows == {module.name for module in pkgutil.iter_modules(tfnp_magic.__path__)}
