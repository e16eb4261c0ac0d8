"""The two magics: parse, start, stop, show. No logic."""

from __future__ import annotations

import keyword
import re
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from tfnp_magic.cell import BEGIN, CellTracer, Wanted

_TRACE_OPTIONS = {"-o": "--output", "-q": "--quiet", "-c": "--check-values", "-g": "--graph"}
_MAGIC_ON_LINE = re.compile(r"(?:.*=)?\s*%%?(?P<name>interop_trace|tfnp_whos)\s")
_WHOS_OPTIONS = {"-k": "--kind", "-o": "--output"}


@magics_class
class InteropMagics(Magics):
    """``%%interop_trace`` and ``%tfnp_whos``."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.tracer = CellTracer(shell)

    @no_var_expand
    @needs_local_scope
    @output_can_be_silenced
    @magic_arguments()
    @argument(
        "-o",
        "--output",
        metavar="NAME",
        help="Store the recording in this variable, also when the cell raises.",
    )
    @argument("-q", "--quiet", action="store_true", help="Show no report.")
    @argument(
        "-c",
        "--check-values",
        metavar="HOW",
        default="sample",
        help="How many elements of a cast array to compare with what became of them: "
        "`sample` (at most 32,768 of each, the default), `all`, or `none`.",
    )
    @argument(
        "-g",
        "--graph",
        action="store_true",
        help="Look into graphs, too, with TensorFlow's own profiler: what they cast and moved. "
        "It sees each op, which costs time and memory: for cells that run for seconds.",
    )
    @line_cell_magic
    def interop_trace(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Run a cell, or one expression, and report what crossed between TensorFlow and NumPy.

        The cell runs as it would without this line: its last expression is shown,
        ``await`` works, errors are its own. Below its output stands the report: which
        lines converted between tensors and arrays, how often, how many bytes, copied or
        shared, cast or not.

            %%interop_trace -o rec
            t = tf.constant(a)
            np.sum(t)

        ``%interop_trace np.sum(t)`` traces one expression and returns its value; put
        ``--`` before an expression that begins with a minus sign. The recording that
        ``-o`` stores has ``summary()`` and ``crossings()``, both DataFrames.
        """
        __tracebackhide__ = True
        if cell == "\n" and line.startswith(BEGIN):
            return self.tracer.begin(self._trace_options(line.removeprefix(BEGIN)))
        if cell is None:
            options, expression = _split(line)
            wanted = self._trace_options(options)
            if not expression:
                raise UsageError(
                    "%interop_trace traces the expression behind it; to trace a cell, "
                    "begin it with %%interop_trace"
                )
            return self.tracer.run(expression, wanted, local_ns, padding=0)
        wanted = self._trace_options(line)
        if not cell.strip():
            raise UsageError(
                "%%interop_trace: the cell is empty; put the code to trace below this line"
            )
        return self.tracer.run(cell, wanted, None, padding=1)

    @no_var_expand
    @magic_arguments()
    @argument(
        "names",
        nargs="*",
        help="Names to list, in which * and ? match anything, or kinds. All by default.",
    )
    @argument(
        "-k",
        "--kind",
        action="append",
        default=[],
        metavar="KIND",
        help="List only this kind (Tensor, Variable, ndarray, ...); may be repeated.",
    )
    @argument("-o", "--output", metavar="NAME", help="Store the table in this variable.")
    @line_magic
    def tfnp_whos(self, line: str) -> None:
        """List the tensors and arrays of the session, and who shares memory with whom.

        Looking converts nothing and moves nothing.
        """
        from tfnp_magic.whos import InventoryError, is_kind, take_inventory

        args = _parse(self.tfnp_whos, line, _WHOS_OPTIONS)
        space = self._user_names()
        kinds = [word for word in args.names if is_kind(word) and word not in space]
        names = [word for word in args.names if word not in kinds]
        try:
            inventory = take_inventory(space, names, [*kinds, *args.kind])
        except InventoryError as error:
            raise UsageError(str(error)) from None
        if _checked_name(args.output):
            self.shell.user_ns[args.output] = inventory.to_frame()
        else:
            display(inventory)  # like `%whos`, wherever in the cell it stands

    def _trace_options(self, line: str) -> Wanted:
        args = _parse(self.interop_trace, line, _TRACE_OPTIONS)
        from tfnp_magic.tracing import CHECKS  # on demand: it imports NumPy

        if args.check_values not in CHECKS:
            known = ", ".join(CHECKS)
            raise UsageError(f"-c (--check-values) is one of {known}, not {args.check_values!r}")
        return Wanted(_checked_name(args.output), args.quiet, args.check_values, args.graph)

    def _user_names(self) -> dict[str, Any]:
        """The user's own names: not those that IPython put there."""
        hidden = self.shell.user_ns_hidden
        space = self.shell.user_ns
        return {k: v for k, v in space.items() if k not in hidden or hidden[k] is not v}


def _parse(magic: Any, line: str, options: dict[str, str]) -> Any:
    try:
        return parse_argstring(magic, line)
    except (UsageError, ValueError) as error:  # ValueError: an open quotation mark
        known = ", ".join(f"{short} ({long})" for short, long in options.items())
        raise UsageError(f"{error}; the options are {known}") from None


def _checked_name(name: str | None) -> str | None:
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise UsageError(f"-o needs a Python variable name, and {name!r} is none")
    return name


def _split(line: str) -> tuple[str, str]:
    """The options at the front of a line, and the expression behind them as it was typed."""
    options, rest = [], line.strip()
    while rest.startswith("-"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if word == "--":
            break
        options.append(word)
        if word in ("--output", "--check-values") or re.fullmatch("-[qg]*[oc]", word):
            word, _, rest = rest.partition(" ")
            options.append(word)
    return " ".join(options), rest.strip()


@context_matcher()
def option_matcher(context: Any) -> Any:
    """Complete the options of our magics with Tab."""
    magic = _MAGIC_ON_LINE.match(context.line_with_cursor)
    token = context.token
    if magic is None or not token.startswith("-"):
        return {"completions": []}
    known = {"interop_trace": _TRACE_OPTIONS, "tfnp_whos": _WHOS_OPTIONS}[magic["name"]]
    options = [option for pair in known.items() for option in pair if option.startswith(token)]
    return {
        "completions": [SimpleCompletion(text=option, type="magic option") for option in options],
        "suppress": True,
        "matched_fragment": token,
    }
