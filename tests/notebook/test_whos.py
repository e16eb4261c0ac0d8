"""``%tfnp_whos`` in a real kernel: its options, and what it says of wrong ones."""

from __future__ import annotations

import pytest
from conftest import Kernel

NAMES = """\
small, large = np.zeros(10), np.zeros(1_000_000)
held = {"w": [np.zeros(4), t]}
"""


def names(kernel: Kernel, line: str) -> list[str]:
    """What the magic lists, in its order."""
    outcome = kernel.run(f"%tfnp_whos -o table {line}")
    assert (outcome.status, outcome.outputs) == (("ok", "", ""), [])
    found = kernel.value("list(table['name'])")
    assert isinstance(found, list)
    return found


# --- options -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ["a", "large", "small", "t"]),
        ("-s size", ["large", "small", "a", "t"]),
        ("-s kind", ["t", "a", "large", "small"]),
        ("--sort=device a t", ["t", "a"]),
        ("-m 50", ["large", "small"]),
        ("-m 1MB", ["large"]),
        ("-m 1.5 MB", ["large"]),
        ('-m "1.5 MB"', ["large"]),
        ("--min-size=0.08kB -s size", ["large", "small"]),
        ("--min-size 8 MiB", []),
        ("-d host", ["a", "large", "small", "t"]),
        ("-d CPU:0 -d gpu", None),
        ("-d cpu", ["t"]),
        ("-n 1", ["a", "large", "small", "t"]),
        ("--deep held", ["held['w'][0]", "held['w'][1]"]),
        ("--deep -k ndarray held", ["held['w'][0]"]),
        ("-k Tensor -k Variable", ["t"]),
    ],
)
def test_options_choose_and_order_what_is_listed(
    kernel: Kernel, line: str, expected: list[str] | None
) -> None:
    kernel.run(NAMES)
    if expected is None:
        outcome = kernel.run(f"%tfnp_whos {line}")
        assert outcome.status[:2] == ("error", "UsageError")
        assert "'gpu'" in outcome.status[2]
        return
    assert names(kernel, line) == expected


def test_looking_deep_finds_what_ipython_keeps_of_results(kernel: Kernel) -> None:
    outcome = kernel.run("np.zeros(7)")
    made = f"Out[{outcome.count}]"
    assert made in names(kernel, "--deep")
    assert made not in names(kernel, "")
    assert names(kernel, "--deep Out")[-1] == made
    outcome = kernel.run("t")
    kernel.run("%tfnp_whos -o table --deep t Out")
    assert f"Out[{outcome.count}]" in kernel.value("table.set_index('name')['also']['t']")


def test_a_limit_cuts_what_is_shown_and_not_what_is_counted(kernel: Kernel) -> None:
    kernel.run("globals().update({f'x{n:03}': np.zeros(2) for n in range(150)})")

    def shown(line: str) -> list[str]:
        text = kernel.run(f"%tfnp_whos {line}").text("display_data")
        assert text.startswith("152 names hold ")
        lines = text.splitlines()
        return [line.split()[0] for line in lines if line.startswith("x")]

    assert len(set(shown("-s name -n 5"))) == 3  # below a and t
    assert len(set(shown(""))) == 98  # a and t are larger
    assert len(set(shown("-n 0"))) == 150
    assert kernel.run("%tfnp_whos -o table -n 5").outputs == []
    assert kernel.value("len(table)") == 152


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-m ten", "'ten' is no size; write 4096, 10MB, 1.5GB or 64MiB."),
        ("-m", "argument -m/--min-size: expected one argument; the options are -k (--kind), "),
        ("-s colour", "Rows are sorted by one of name, size, kind, device, dtype, group, "),
        ("-n all", "-n (--limit) needs a number of rows, 0 for all, and 'all' is none"),
        ("-n -1", "-n (--limit) needs a number of rows, 0 for all, and '-1' is none"),
        ("-d TPU:7", "Nothing is on device 'TPU:7' here; "),
        ("-z", "unrecognized arguments: -z; the options are -k (--kind), -d (--device), "),
    ],
)
def test_a_wrong_option_is_one_sentence(kernel: Kernel, line: str, message: str) -> None:
    outcome = kernel.run(f"%tfnp_whos {line}")
    assert outcome.status[:2] == ("error", "UsageError")
    assert outcome.status[2].startswith(message)
    assert "\n" not in outcome.status[2]


def test_help_has_every_option_and_examples(kernel: Kernel) -> None:
    (page,) = kernel.run("%tfnp_whos?").reply["payload"]
    text = page["data"]["text/plain"]
    options = ["--kind", "--device", "--min-size", "--sort", "--limit", "--deep", "--output"]
    assert [part for part in [*options, "%tfnp_whos -m 10MB -s size"] if part not in text] == []


def test_a_table_is_html_in_a_notebook_and_text_beside_it(kernel: Kernel) -> None:
    (shown,) = kernel.run("%tfnp_whos").outputs
    assert set(shown.data) == {"text/plain", "text/html"}
    assert "<table" in shown.data["text/html"]
