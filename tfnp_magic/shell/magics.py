"""The two magics: parse, start, stop, show. No logic."""

from __future__ import annotations

import keyword
import re
from argparse import Namespace
from typing import TYPE_CHECKING, Any

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

from tfnp_magic.shell.cell import BEGIN, CellTracer, Wanted
from tfnp_magic.shell.defaults import defaults_of
from tfnp_magic.shell.session import Session
from tfnp_magic.shell.session_commands import carry_out, command_of

if TYPE_CHECKING:
    from tfnp_magic.guards.rules import Rule

_TRACE_OPTIONS = {
    "-o": "--output",
    "-q": "--quiet",
    "-c": "--check-values",
    "-g": "--graph",
    "-a": "--annotate",
    "--forbid": "",
    "--warn": "",
    "--pdb": "",
    "--no-quiet": "",
    "--no-graph": "",
    "--no-annotate": "",
}
_TAKE_A_VALUE = ("--output", "--check-values", "--forbid", "--warn", "--pdb")
_MAGIC_ON_LINE = re.compile(r"(?:.*=)?\s*%%?(?P<name>interop_trace|tfnp_whos)\s")
_WHOS_OPTIONS = {
    "-k": "--kind",
    "-d": "--device",
    "-m": "--min-size",
    "-s": "--sort",
    "-n": "--limit",
    "--deep": "",
    "-o": "--output",
}
_HISTORY = {"Out"}
"""Hidden names that hold what the user made."""

_SIZE_IN_TWO_WORDS = re.compile(
    r"(?P<size>(?:-m|--min-size[ =])\s*[0-9.]+)\s+(?P<unit>[kmgt]i?b|bytes?)(?!\S)",
    re.IGNORECASE,
)


@magics_class
class InteropMagics(Magics):
    """``%%interop_trace`` and ``%tfnp_whos``."""

    def __init__(self, shell: Any) -> None:
        self.tracer = CellTracer(shell)
        self.defaults = defaults_of(shell)
        self.session = Session(shell, self.tracer, lambda: self.defaults.footer)
        super().__init__(shell)  # last: from here on the shell knows it

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
    @argument("-q", "--quiet", action="store_true", default=None, help="Show no report.")
    @argument(
        "-c",
        "--check-values",
        metavar="HOW",
        help="How many elements of a cast array to compare with what became of them: "
        "`sample` (at most 32,768 of each, the default), `all`, or `none`.",
    )
    @argument(
        "-g",
        "--graph",
        action="store_true",
        default=None,
        help="Look into graphs, too, with TensorFlow's own profiler: what they cast and moved. "
        "It sees each op, which costs time and memory: for cells that run for seconds.",
    )
    @argument(
        "-a",
        "--annotate",
        action="store_true",
        default=None,
        help="Put the figures behind the lines, as comments in a copy of the cell below it "
        "(in a terminal: the next prompt). Run the copy, and its comments are renewed.",
    )
    @argument(
        "--forbid",
        action="append",
        default=[],
        metavar="RULE",
        help="Raise an InteropError at the line that does this: `copy`, `cast`, `silent-cast`, "
        "`host-to-device`, `device-to-host`, `device-to-device`, `move` (any of these three), "
        "`alias`, `retrace`, `baked-constant` or `any`. `copy:implicit` lets what the line asks "
        "for pass, `copy>1MB` what is smaller. Several with commas, or the option again. "
        '`with tfnp_magic.allow("copy"):` lets it pass in a block.',
    )
    @argument(
        "--warn",
        action="append",
        default=[],
        metavar="RULE",
        help="Give an InteropWarning at that line instead.",
    )
    @argument(
        "--pdb",
        action="append",
        default=[],
        metavar="RULE",
        help="Stop at that line in IPython's debugger, with the conversion as `_crossing`.",
    )
    @argument(
        "--no-quiet",
        dest="quiet",
        action="store_false",
        default=None,
        help="Show the report though `%%config InteropTrace.quiet` is set.",
    )
    @argument(
        "--no-graph",
        dest="graph",
        action="store_false",
        default=None,
        help="Do not look into graphs though `%%config InteropTrace.graph` is set.",
    )
    @argument(
        "--no-annotate",
        dest="annotate",
        action="store_false",
        default=None,
        help="Make no copy though `%%config InteropTrace.annotate` is set.",
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
        ``--`` before an expression that begins with a minus sign. Line 1 of a report is the
        line of ``%%interop_trace``. The recording that ``-o`` stores prints as the report, and
        has DataFrames: ``summary()``, ``crossings()``, ``findings()``, ``by_line()``, and
        ``before.diff(after)``.

        Session mode traces every cell that you run, with a line of figures below it:

            %interop_trace on             from the next cell on; takes -c, -g, -q, and rules
            %interop_trace report         what the session's cells converted, and what changed
            %interop_trace report -o s    the same in a variable: s.summary(), s.by_line(), ...
            %interop_trace off            no further cell; the sums stay for `report`

        These three words alone are commands, also where a variable has such a name:
        ``%interop_trace -- on`` traces the expression. A cell with ``%%interop_trace`` of its
        own shows its own report, and counts once. ``on`` after ``off`` begins a new session;
        unloading or reloading the extension ends it. ``%config InteropTrace`` sets defaults,
        for cells and sessions; options on the line win.
        """
        __tracebackhide__ = True
        if cell == "\n" and line.startswith(BEGIN):
            return self.tracer.begin(self._trace_options(line.removeprefix(BEGIN)))
        if cell is None:
            options, expression = _split(line)
            if command := command_of(line, options, expression):
                return self._session_command(*command)
            wanted = self._trace_options(options, of_cell=False)
            if not expression:
                raise UsageError(
                    "%interop_trace traces the expression behind it; to trace a cell, "
                    "begin it with %%interop_trace"
                )
            if wanted.annotate:
                raise UsageError(
                    "-a (--annotate) makes a copy of a cell: begin the cell with "
                    "%%interop_trace --annotate"
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
    @argument(
        "-d",
        "--device",
        action="append",
        default=[],
        metavar="DEVICE",
        help="List only what is there (GPU:0, GPU, CPU:0, host); may be repeated.",
    )
    @argument(
        "-m",
        "--min-size",
        metavar="SIZE",
        default="0",
        help="List only what has at least so many bytes (4096, 10MB, 1.5 GB, 64MiB).",
    )
    @argument(
        "-s",
        "--sort",
        metavar="ORDER",
        default="",
        help="Sort by `name` (the default), `size`, `kind`, `device`, `dtype` or `group`.",
    )
    @argument(
        "-n",
        "--limit",
        metavar="ROWS",
        help="Show so many rows, 100 by default; 0 for all. Totals and groups are of all.",
    )
    @argument(
        "--deep",
        action="store_true",
        help="Look into lists, dicts, your own objects and Keras models, too.",
    )
    @argument(
        "-o",
        "--output",
        metavar="NAME",
        help="Store all rows and more columns in this variable, a DataFrame; show nothing.",
    )
    @line_magic
    def tfnp_whos(self, line: str) -> None:
        """List the tensors and arrays of the session, and who shares memory with whom.

        Looking converts nothing and moves nothing. Listed are shape, dtype, device, size,
        layout, and what converting each would do: a copy, a view, a move, and why. With
        ``--deep``, IPython's ``Out`` counts, too: it keeps the results of cells alive.

            %tfnp_whos                    all names
            %tfnp_whos x                  this one, with reasons
            %tfnp_whos batch_* Variable   these names, Variables only
            %tfnp_whos -m 10MB -s size    what is large, largest first
            %tfnp_whos -d GPU:0           what is on that device
            %tfnp_whos --deep model       what a model, list or dict holds
            %tfnp_whos -o df              all of it as a DataFrame
        """
        from tfnp_magic.sizes import SizeError, nbytes_of
        from tfnp_magic.whos import ROWS_SHOWN, InventoryError, is_kind, take_inventory

        line = _SIZE_IN_TWO_WORDS.sub(r"\g<size>\g<unit>", line)
        args = _parse(self.tfnp_whos, line, _WHOS_OPTIONS)
        space, output = self._user_names(), _checked_name(args.output)
        if args.deep:
            space |= {
                name: self.shell.user_ns[name] for name in _HISTORY & self.shell.user_ns.keys()
            }
        kinds = [word for word in args.names if is_kind(word) and word not in space]
        names = [word for word in args.names if word not in kinds]
        limit = ROWS_SHOWN if args.limit is None else _checked_limit(args.limit)
        try:
            inventory = take_inventory(
                space,
                names,
                [*kinds, *args.kind],
                devices=args.device,
                least=nbytes_of(args.min_size.strip("'\"")),
                deep=args.deep,
                order=args.sort,
                limit=limit,
            )
        except (InventoryError, SizeError) as error:
            raise UsageError(str(error)) from None
        if output:
            self.shell.user_ns[output] = inventory.to_frame()
        else:
            display(inventory)  # like `%whos`, wherever in the cell it stands

    def _trace_options(self, line: str, *, of_cell: bool = True) -> Wanted:
        return self._with_defaults(self._trace_args(line), of_cell=of_cell)

    def _trace_args(self, line: str) -> Namespace:
        args: Namespace = _parse(self.interop_trace, line, _TRACE_OPTIONS)
        from tfnp_magic.tracing import CHECKS  # on demand: it imports NumPy

        if args.check_values not in (None, *CHECKS):
            known = ", ".join(CHECKS)
            raise UsageError(f"-c (--check-values) is one of {known}, not {args.check_values!r}")
        _checked_name(args.output)
        _rules(args)
        return args

    def _with_defaults(self, args: Namespace, *, of_cell: bool) -> Wanted:
        """What was asked for on the line, else what ``%config InteropTrace`` says."""
        defaults = self.defaults
        given = Namespace(
            forbid=args.forbid or defaults.forbid, warn=args.warn or defaults.warn, pdb=args.pdb
        )

        def told(name: str) -> Any:
            value = getattr(args, name)
            return getattr(defaults, name) if value is None else value

        annotate = told("annotate") if of_cell else bool(args.annotate)
        return Wanted(
            args.output, told("quiet"), told("check_values"), told("graph"), annotate, _rules(given)
        )

    def _session_command(self, command: str, options: str) -> None:
        args = self._trace_args(options)
        carry_out(command, args, self.session, lambda: self._with_defaults(args, of_cell=False))

    def _user_names(self) -> dict[str, Any]:
        """The user's own names: not those that IPython put there."""
        hidden = self.shell.user_ns_hidden
        space = self.shell.user_ns
        return {k: v for k, v in space.items() if k not in hidden or hidden[k] is not v}


def _parse(magic: Any, line: str, options: dict[str, str]) -> Any:
    try:
        return parse_argstring(magic, line)
    except (UsageError, ValueError) as error:  # ValueError: an open quotation mark
        known = ", ".join(f"{one} ({other})" if other else one for one, other in options.items())
        raise UsageError(f"{error}; the options are {known}") from None


def _rules(args: Any) -> tuple[Rule, ...]:
    """What the options forbid, warn of, and stop at."""
    asked = {"forbid": args.forbid, "warn": args.warn, "pdb": args.pdb}
    if not any(asked.values()):
        return ()
    from tfnp_magic.guards.rules import GuardError, rules_of

    def read(action: str) -> tuple[Rule, ...]:
        try:
            return rules_of(action, asked[action])
        except GuardError as error:
            raise UsageError(f"--{action}: {error}") from None

    return tuple(rule for action in asked for rule in read(action))


def _checked_name(name: str | None) -> str | None:
    if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
        raise UsageError(f"-o needs a Python variable name, and {name!r} is none")
    return name


def _checked_limit(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"-n (--limit) needs a number of rows, 0 for all, and {text!r} is none")
    return int(text)


def _split(line: str) -> tuple[str, str]:
    """The options at the front of a line, and the expression behind them as it was typed."""
    options, rest = [], line.strip()
    while rest.startswith("-"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if word == "--":
            break
        options.append(word)
        if word in _TAKE_A_VALUE or re.fullmatch("-[qga]*[oc]", word):
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
    words = [word for pair in known.items() for word in pair if word]
    options = [word for word in words if word.startswith(token)]
    return {
        "completions": [SimpleCompletion(text=option, type="magic option") for option in options],
        "suppress": True,
        "matched_fragment": token,
    }
