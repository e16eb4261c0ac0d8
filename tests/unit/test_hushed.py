"""What nobody asked for is kept from the error stream, and everything else is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest

from tfnp_magic.in_graphs.hushed import hushed

CHATTER = re.compile(rb"\bchatter\.cc:\d+\] ")


def test_only_lines_that_match_are_dropped(capfd):
    with hushed(CHATTER):
        os.write(2, b"I0 chatter.cc:12] hello\nE0 other.cc:3] trouble\nno newline")
    assert capfd.readouterr().err == "E0 other.cc:3] trouble\nno newline"
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_an_error_passes_and_the_stream_is_given_back(capfd):
    with pytest.raises(ZeroDivisionError), hushed(CHATTER):
        os.write(2, b"told\n") / 0
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "told\nafter\n"


def test_no_descriptor_is_left_open(capfd):
    before = len(os.listdir("/proc/self/fd"))
    with hushed(CHATTER):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_without_an_error_stream_goes_on():
    code = """
        import os, re
        from tfnp_magic.in_graphs.hushed import hushed
        os.close(2)
        with hushed(re.compile(b"x")):
            print("ran")
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert ran.stdout == "ran\n"
