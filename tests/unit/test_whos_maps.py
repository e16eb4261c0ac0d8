"""Maps of one file share its pages, wherever they lie: NumPy alone, no TensorFlow."""

from __future__ import annotations

import mmap
import os
import pickle
import resource
import subprocess
import sys
from multiprocessing import shared_memory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfnp_magic.whos import maps, take_inventory
from tfnp_magic.whos.maps import Stretch, stretches

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/maps"), reason="needs Linux's table of maps"
)

FLOATS = 10_000


@pytest.fixture
def path(tmp_path):
    np.arange(FLOATS, dtype="f4").tofile(tmp_path / "data.bin")
    return tmp_path / "data.bin"


def open_map(path, mode="r+", **where):
    return np.memmap(path, "f4", mode, **where)


def names_of_groups(**namespace):
    return [group.names for group in take_inventory(namespace).groups]


def test_two_maps_of_a_file_are_a_group_and_count_once(path):
    a, b = open_map(path), open_map(path, "r")
    assert not np.shares_memory(a, b), "their addresses do not tell"
    a[7] = -1
    assert b[7] == -1
    found = take_inventory({"a": a, "b": b, "other": np.zeros(10)})
    (group,) = found.groups
    assert (group.names, group.writable, group.certain) == (("a", "b"), ("a",), True)
    assert group.nbytes == 4 * FLOATS
    assert found.held == {"host": 4 * FLOATS + 80}


def test_they_share_where_their_ranges_of_the_file_overlap(path):
    first, last = open_map(path, shape=(6_000,)), open_map(path, offset=20_000)
    assert names_of_groups(first=first, last=last) == [("first", "last")]
    assert sum(take_inventory({"first": first, "last": last}).held.values()) == 4 * FLOATS
    assert not names_of_groups(first=first[:5_000], last=last)
    assert names_of_groups(first=first[:5_001], last=last) == [("first", "last")]


def test_an_offset_within_a_page_counts(path):
    """A map begins with its page; the array, where the user said."""
    a, b = open_map(path, offset=4_100), open_map(path, offset=4_096, shape=(2,))
    assert names_of_groups(a=a, b=b) == [("a", "b")]
    assert not names_of_groups(a=a, b=b[:1])


def test_views_and_plain_arrays_of_a_map_are_found_through_it(path):
    a, b = open_map(path), open_map(path)
    views = {"plain": np.asarray(a)[10:20], "far": np.asarray(b)[15:], "none": np.asarray(b)[30:]}
    assert names_of_groups(**views) == [("far", "none", "plain")]
    del views["far"]
    assert not names_of_groups(**views)


@settings(max_examples=60, deadline=None)
@given(
    *(st.builds(slice, st.integers(0, 30), st.integers(0, 60), st.integers(1, 4)) for _ in "ab"),
)
def test_slices_of_two_maps_share_if_and_only_if_they_would_of_one(tmp_path_factory, one, other):
    path = tmp_path_factory.mktemp("maps") / "data.bin"
    np.zeros(64, "f4").tofile(path)
    a, b = open_map(path), open_map(path, "r")
    expected = np.shares_memory(a[one], a[other])
    groups = take_inventory({"a": a[one], "b": b[other]}).groups
    assert bool(groups) == expected
    assert all(group.certain for group in groups)


def test_a_private_map_may_share_with_the_others_and_counts_in_full(path):
    a, private = open_map(path), open_map(path, "c")
    private[5_000] = -1  # a page of its own, from now on
    a[0] = a[5_000] = 7
    assert (private[0], private[5_000]) == (7, -1)
    found = take_inventory({"a": a, "private": private})
    (group,) = found.groups
    assert (group.names, group.certain) == (("a", "private"), False)
    assert sum(found.held.values()) == 2 * 4 * FLOATS


def test_private_maps_share_nothing_among_themselves_but_with_their_views(path):
    one, other = open_map(path, "c"), open_map(path, "c")
    one[0] = 9
    assert other[0] == 0
    found = take_inventory({"one": one, "other": other, "view": one[5:]})
    assert [(group.names, group.certain) for group in found.groups] == [(("one", "view"), True)]


def test_files_are_told_apart_though_their_names_are_alike(path):
    a = open_map(path)
    path.unlink()
    np.zeros(FLOATS, "f4").tofile(path)
    b, c = open_map(path), open_map(path)
    assert names_of_groups(a=a, b=b, c=c) == [("b", "c")]


def test_a_file_that_was_deleted_is_still_one(path):
    a, b = open_map(path), open_map(path, "r")
    path.unlink()
    assert names_of_groups(a=a, b=b) == [("a", "b")]


def test_a_map_by_another_name_of_the_file_is_found(path, tmp_path):
    os.link(path, tmp_path / "link")
    (tmp_path / "symlink").symlink_to(path)
    maps = {name: open_map(tmp_path / name) for name in ("data.bin", "link", "symlink")}
    assert names_of_groups(**maps) == [("data.bin", "link", "symlink")]


def test_a_map_that_numpy_did_not_make_is_found(path):
    with open(path, "r+b") as file:
        plain = mmap.mmap(file.fileno(), 0)
        of_file = np.memmap(file, "f4", "r+")
    assert of_file.filename is None or isinstance(of_file.filename, str)
    assert names_of_groups(plain=np.frombuffer(plain, "f4"), of_file=of_file) == [
        ("of_file", "plain")
    ]


def test_two_maps_are_found_though_numpy_made_neither(path):
    with open(path, "r+b") as file:
        maps = {name: mmap.mmap(file.fileno(), 0) for name in ("a", "b")}
    arrays = {name: np.frombuffer(each, "f4")[5:] for name, each in maps.items()}
    assert names_of_groups(**arrays) == [("a", "b")]


def test_maps_without_a_file_are_told_apart():
    one, other = mmap.mmap(-1, 8_192), mmap.mmap(-1, 8_192)
    arrays = {
        "a": np.frombuffer(one, "f4"),
        "b": np.frombuffer(one, "f4", offset=4),
        "c": np.frombuffer(other, "f4"),
    }
    assert names_of_groups(**arrays) == [("a", "b")]


def test_shared_memory_attached_twice_is_one():
    one = shared_memory.SharedMemory(create=True, size=8_192)
    other = shared_memory.SharedMemory(one.name)
    try:
        a, b = (np.ndarray((10,), "f4", each.buf) for each in (one, other))
        a[3] = 5
        assert b[3] == 5
        assert names_of_groups(a=a, b=b) == [("a", "b")]
        del a, b
    finally:
        other.close()
        one.close()
        one.unlink()


def test_a_frame_over_a_map_is_found(path):
    frame = pd.DataFrame(open_map(path).reshape(-1, 4), copy=False)
    assert names_of_groups(frame=frame, a=open_map(path)) == [("a", "frame")]


def test_an_empty_array_and_elements_of_no_size_share_nothing(path):
    a = open_map(path)
    assert not names_of_groups(a=a, none=open_map(path)[:0])


def test_looking_touches_no_page_of_a_large_file(tmp_path):
    """10 GB that no disk holds: reading them would make them resident."""
    path = tmp_path / "sparse.bin"
    with open(path, "wb") as file:
        file.truncate(10_000_000_000)
    a, b = (np.memmap(path, "u1", "r") for _ in range(2))
    before = _resident()
    found = take_inventory({"a": a, "b": b, "every": a[::4096]})
    _ = repr(found)
    assert _resident() - before < 50_000_000
    assert sum(found.held.values()) == 10_000_000_000
    assert found.groups[0].names == ("a", "b", "every")


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_looking_keeps_no_map_open(path):
    a = open_map(path)
    below = a._mmap
    count = sys.getrefcount(below)
    found = take_inventory({"a": a, "b": a[1:]})
    assert sys.getrefcount(below) == count
    assert pickle.loads(pickle.dumps(found)) == found


def test_the_table_is_read_only_where_a_map_is_listed(path, monkeypatch):
    asked = []
    monkeypatch.setattr(maps, "stretches", lambda: asked.append(1) or [])
    take_inventory({"a": np.zeros(3), "b": np.frombuffer(b"x" * 8)})
    assert not asked
    take_inventory({"a": open_map(path)})
    assert asked


@pytest.mark.parametrize("table", ["/no/such/table", os.devnull])
def test_without_the_table_maps_of_a_file_are_not_found_to_share(path, monkeypatch, table):
    monkeypatch.setattr(maps, "_TABLE", table)
    a = open_map(path)
    assert names_of_groups(a=a, view=a[5:], b=open_map(path)) == [("a", "view")]


def test_a_map_in_pieces_is_whole(path):
    """Another protection for some of its pages splits it in the kernel's table."""
    code = f"""
import ctypes, numpy as np
from tfnp_magic.whos import take_inventory
a, b = (np.memmap({str(path)!r}, 'u1', 'r+') for _ in range(2))
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(a.ctypes.data + 8192), 4096, 1) == 0
print([group.names for group in take_inventory(dict(a=a, b=b)).groups])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[('a', 'b')]\n", done.stderr


def test_stretches_are_read_from_the_kernels_table(path):
    a = open_map(path, offset=8_192)
    address = a.ctypes.data
    (found,) = (one for one in stretches() if one.start <= address < one.stop)
    assert (found.offset + address - found.start, found.is_shared) == (8_192, True)
    assert maps._of_line("7f00-7f10 rw-p 00000000 00:00 0 ") is None
    assert maps._of_line("7f00-7f10 r--p 00001000 fe:00 21486 /a b (deleted)\n") == Stretch(
        0x7F00, 0x7F10, 0x1000, "fe:00 21486", False
    )
