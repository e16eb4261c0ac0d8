"""Long runs: ``python -m tests.fuzz 20000 --seed 1``; see the package."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

from tests.contract.oracle import build, worker

_ROUND = 1000
"""Cells of one seed: what Hypothesis remembers of them grows."""

PLAIN = "plain"


def main(arguments: list[str]) -> int:
    """Run so many cells; 0 if all went well."""
    asked = _parser().parse_args(arguments)
    if asked.world != PLAIN and os.environ.get("ORACLE_WORLD") != asked.world:
        _enter(asked.world, arguments)
    os.environ.update(worker.ENVIRONMENT)
    os.environ.pop("LD_PRELOAD", None)
    from tests.fuzz.figures import Figures

    figures = Figures()
    try:
        for done in range(0, asked.count, _ROUND):
            _round(min(_ROUND, asked.count - done), asked.seed + done // _ROUND, asked, figures)
            print(figures, file=sys.stderr, flush=True)
    finally:
        if asked.out:
            asked.out.write_text(figures.as_json())
    return 0


def _round(count, seed, asked, figures):
    import hypothesis

    from tests.fuzz import checking, session
    from tests.fuzz.genes import GENES

    session.begin(asked.devices)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=[*hypothesis.HealthCheck],
    )
    @hypothesis.given(GENES)
    def check(drawn):
        whole, genes = drawn
        checking.check(whole, genes, figures, is_watched=asked.world != PLAIN)

    check()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", type=int, help="how many cells")
    parser.add_argument("--seed", type=int, default=0, help="of the first 1,000; then the next")
    parser.add_argument("--devices", type=int, default=1, help="how many logical CPUs")
    parser.add_argument("--out", type=pathlib.Path, help="a file for the figures, as JSON")
    parser.add_argument(
        "--world",
        choices=(*worker.WORLDS, PLAIN),
        default=PLAIN if build.unavailable() else worker.WORLDS[0],
        help="where memory lies, as the oracle has it; plain: without the oracle",
    )
    return parser


def _enter(world, arguments):
    environment = {
        **os.environ,
        **worker.ENVIRONMENT,
        "ORACLE_WORLD": world,
        "LD_PRELOAD": str(build.library()),
    }
    os.execve(sys.executable, [sys.executable, "-m", "tests.fuzz", *arguments], environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
