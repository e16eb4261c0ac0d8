"""Recordings made by hand, one for each thing that a report has to show."""

from __future__ import annotations

from tfnp_magic.activity import FunctionCalls, ModelCalls, Pipeline, Retrace, Share
from tfnp_magic.model import (
    DEVICE_TO_DEVICE,
    GRAPH,
    IN_GRAPH,
    NUMPY_TO_TENSORFLOW,
    PYTHON_TO_TENSORFLOW,
    TENSORFLOW_TO_NUMPY,
    TENSORFLOW_TO_PYTHON,
    Crossing,
    Hazard,
    Place,
    Site,
)
from tfnp_magic.recording import Recording
from tfnp_magic.values import ValueChange

CELL = Place("In[3]", 2, "<module>", "t = tf.constant(a)")
COPIED = "two copies: NumPy's was not 64-byte aligned, so TensorFlow made another"
SHARED = "shares memory: writing to the array changes the tensor"

HOSTILE = "".join(
    (
        "<script>alert(1)</script><b style='color:var(--x)'>&amp;",
        "\x1b[31mred\x1b[0m \x9b2J \x07\x00\r\n",
        "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u061c\u200b\ufeff",
        "\u2028\u2029\ttab 漢字かな 👩‍💻 \ud800",
    )
)
"""What a line of source, a route, or a file name may hold at worst."""


def line(number, code="", source="In[3]"):
    return Site(Place(source, number, "<module>", code), None)


def crossing(site, route, direction, **facts):
    """A crossing of one float32 array of 10 elements that was copied once, unless told."""
    usual = {
        "explicit": True,
        "dtype_from": "float32",
        "dtype_to": "float32",
        "cast": "none",
        "device_from": "host",
        "device_to": "CPU:0",
        "storage": "copy",
        "evidence": "observed",
        "reason": COPIED,
        "count": 1,
        "nbytes": 40,
        "copied_bytes": 80,
        "copies": 2,
        "duration_ns": 12_345,
        "shapes": {(10,): 1},
    }
    return Crossing(site, route, direction, **{**usual, **facts})


def empty():
    return Recording(title="In[1]", duration_ns=1_000)


def one_conversion():
    ledger = [crossing(Site(CELL, None), "tf.constant", NUMPY_TO_TENSORFLOW)]
    return Recording(title="In[3]", ledger=ledger, duration_ns=1_000_000)


def many_rows():
    """Inner sites, unknown bytes, several shapes, a silent cast, writable sharing."""
    loop = "total = total + normalise(batch) - tf.constant(weights, dtype=tf.float32)"
    helper = Place("In[2]", 4, "normalise", "return (x - x.mean()) / np.std(x)")
    module = Place("project/features.py", 120, "Scaler.transform", "return tf.cast(x, tf.float32)")
    return Recording(
        title="In[3]",
        ledger=[
            crossing(
                line(7, "print(names)"), "Tensor.numpy", TENSORFLOW_TO_NUMPY, explicit=False,
                dtype_from="string", dtype_to="string", device_from="CPU:0", device_to="host",
                evidence="inferred", reason="each string became a Python object of its own",
                nbytes=None, copied_bytes=None, copies=None, duration_ns=None,
                shapes={(3,): 1},
            ),
            crossing(
                line(4, loop), "operator -", NUMPY_TO_TENSORFLOW, explicit=False,
                dtype_from="float64", cast="silent", evidence="inferred", count=1200,
                reason="cast into a new buffer to match the op's tensor", nbytes=9_830_400,
                copied_bytes=4_915_200, copies=1200, duration_ns=None,
                shapes={(32, 32): 1000, (16, 32): 120, (8, 32): 50}, other_shapes=30,
                cast_evidence="inferred",
                values=ValueChange(
                    total=1_228_800, checked=1_228_800, changed=1_100_000,
                    largest_relative_error=5.96e-08, observed=False,
                ),
            ),
            crossing(
                Site(line(4, loop).line, helper), "np.std", TENSORFLOW_TO_NUMPY, explicit=False,
                device_from="CPU:0", device_to="host", storage="view", evidence="inferred",
                reason="read in place; nothing kept the memory", count=1200, nbytes=4_915_200,
                copied_bytes=0, copies=0, duration_ns=30_000_000, shapes={(32, 32): 1200},
            ),
            crossing(
                Site(line(4, loop).line, module), "tf.cast", NUMPY_TO_TENSORFLOW,
                dtype_from="float64", cast="explicit", evidence="observed",
                reason="two copies by NumPy; the tensor uses the cast's, which is aligned",
                count=600, nbytes=4_915_200, copied_bytes=7_372_800, copies=1200,
                duration_ns=45_600_000, shapes={(32, 32): 600}, cast_evidence="observed",
            ),
            crossing(
                line(4, loop), "tf.constant", NUMPY_TO_TENSORFLOW, storage="view",
                reason=SHARED, nbytes=4096, copied_bytes=0, copies=0, duration_ns=9_000,
                shapes={(32, 32): 1},
            ),
            crossing(
                line(4, loop), "tf.constant", NUMPY_TO_TENSORFLOW, storage="view",
                reason="64-byte aligned, so the tensor shares the array's memory", count=3,
                nbytes=12_288, copied_bytes=0, copies=0, duration_ns=27_000, shapes={(32, 32): 3},
            ),
            crossing(
                line(5, "view = np.asarray(total, np.float16)"), "np.asarray",
                TENSORFLOW_TO_NUMPY, device_from="CPU:0", device_to="host", storage="unknown",
                evidence="", reason="read in place; the array made of it was copied or dropped",
                nbytes=4096, copied_bytes=None, copies=None, duration_ns=5_000,
                shapes={(32, 32): 1},
            ),
            crossing(
                line(6, "steps = tf.range(limits)"), "tf.range", PYTHON_TO_TENSORFLOW,
                explicit=False, dtype_from="list", dtype_to="int32", evidence="inferred",
                reason="Python objects have no memory to share", nbytes=4000, copied_bytes=4000,
                copies=1, duration_ns=None, shapes={(1000,): 1},
            ),
            crossing(
                Site(None, Place("project/feed.py", 31, "produce", "yield tf.constant(row)")),
                "tf.constant", NUMPY_TO_TENSORFLOW, count=2, nbytes=80, copied_bytes=160, copies=4,
                shapes={(10,): 2},
            ),
            crossing(
                Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW, explicit=False,
            ),
        ],
        duration_ns=2_500_000_000,
    )  # fmt: skip


def hazards():
    """Shared memory that was written to, by a known line and between two; and that was not."""
    made, where = Place("In[4]", 2, "<module>", "a = load()"), line(3, "x = tf.squeeze(a)", "In[4]")
    taped = line(6, "loss = tf.reduce_sum(v * batch)", "In[4]")
    read = line(9, "w = t._numpy()", "In[4]")
    view = {"storage": "view", "copied_bytes": 0, "copies": 0, "duration_ns": None}
    return Recording(
        title="In[4]",
        ledger=[
            crossing(where, "tf.squeeze", NUMPY_TO_TENSORFLOW, reason=SHARED, **view),
            crossing(
                taped, "operator *", NUMPY_TO_TENSORFLOW, evidence="inferred",
                reason="64-byte aligned, so the op read it in place", **view,
            ),
            crossing(read, "Tensor._numpy", TENSORFLOW_TO_NUMPY, reason=SHARED, **view),
        ],
        hazards=[
            Hazard(
                where, "tf.squeeze", NUMPY_TO_TENSORFLOW, 40, array="a", tensor="x",
                made_at=made, written=True, intact_at=where.line,
                written_at=Place("In[4]", 5, "<module>", "a[0] = 1"),
            ),
            Hazard(
                taped, "operator *", NUMPY_TO_TENSORFLOW, 40, holder="a GradientTape",
                written=True, intact_at=taped.line, written_before=read.line,
            ),
            Hazard(read, "Tensor._numpy", TENSORFLOW_TO_NUMPY, 40, array="w", tensor="t"),
        ],
        hazards_unwatched=2,
        duration_ns=80_000_000,
    )  # fmt: skip


def device_moves():
    """Host to GPU and back, by a mirror, between two devices, and with waiting."""
    return Recording(
        title="In[5]",
        ledger=[
            crossing(
                line(2, "x = tf.constant(a)"), "tf.constant", NUMPY_TO_TENSORFLOW,
                device_to="GPU:0", evidence="inferred", nbytes=8_000_000, copied_bytes=8_000_000,
                copies=2, moved_bytes=4_000_000, move_evidence="observed",
                reason="copied to another device's memory", dtype_from="float64",
                cast="silent", shapes={(1000, 1000): 1},
            ),
            crossing(
                line(3, "y = x.numpy()"), "Tensor.numpy", TENSORFLOW_TO_NUMPY,
                device_from="GPU:0", device_to="host", nbytes=4_000_000, copied_bytes=8_000_000,
                copies=2, moved_bytes=4_000_000, move_evidence="observed",
                duration_ns=75_000_000, waited_ns=72_000_000,
                reason="moved into host memory, where TensorFlow keeps it; .numpy() copies; "
                "np.asarray() would give a view",
                shapes={(1000, 1000): 1},
            ),
            crossing(
                line(3, "y = x.numpy()"), "Tensor.numpy", TENSORFLOW_TO_NUMPY,
                device_from="GPU:0", device_to="host", nbytes=8_000_000, copied_bytes=8_000_000,
                copies=2, moved_bytes=0, move_evidence="observed", mirror=True, count=2,
                reason="served by TensorFlow's mirror in host memory; .numpy() copies; "
                "np.asarray() would give a view",
                shapes={(1000, 1000): 2},
            ),
            crossing(
                line(4, "z = x.cpu()"), "Tensor.cpu", DEVICE_TO_DEVICE,
                device_from="GPU:0", device_to="CPU:0", evidence="observed", nbytes=4_000_000,
                copied_bytes=4_000_000, copies=1, moved_bytes=4_000_000,
                move_evidence="observed", waited_ns=None,
                reason="copied from GPU:0 to CPU:0 each time: this never uses a mirror",
                shapes={(1000, 1000): 1},
            ),
            crossing(
                line(5, "w = x + u"), "operator +", DEVICE_TO_DEVICE, explicit=False,
                device_from="GPU:1", device_to="GPU:0", evidence="observed", nbytes=None,
                copied_bytes=None, copies=None, moved_bytes=None, move_evidence="observed",
                reason="moved: AddV2 ran on GPU:0", shapes={(): 1}, duration_ns=None,
            ),
            crossing(
                line(6, "if x[0, 0] > 0:"), "bool", TENSORFLOW_TO_PYTHON, explicit=False,
                dtype_from="bool", dtype_to="bool", device_from="GPU:0", device_to="host",
                evidence="inferred", reason="read in place, then copied by the reader",
                nbytes=1, copied_bytes=1, copies=1, moved_bytes=1, shapes={(): 1},
            ),
        ],
        housekeeping=3,
        housekeeping_bytes=12,
        housekeeping_moves={"host to device": 8},
        duration_ns=80_000_000,
    )  # fmt: skip


def driven():
    """Functions, pipelines and models, with findings, a graph looked into, and everything told."""
    fit = line(12, "model.fit(x, y, epochs=3, validation_data=(u, v))")
    loop = Place("In[9]", 8, "<module>", "for batch in rows:")
    into_pipeline = Site(loop, Place("In[9]", 4, "rows", "yield row"))
    again = Retrace(
        "python value", "factor", "each new Python int (1, 2, 3, …)", 19, 61_000_000, "int"
    )
    once = Retrace("shape", "values", "each new shape: (3,)", 1, 2_000_000)
    unlike = [Share(20, 819_200, 5), Share(21, 819_204, 5), Share(20, 819_200, 5)]
    return Recording(
        title="In[9]",
        source="%%interop_trace --graph\n" + "\n".join(f"line_{n}()" for n in range(2, 15)),
        ledger=[
            crossing(
                into_pipeline, "tf.data.Dataset.from_generator", NUMPY_TO_TENSORFLOW,
                explicit=False, count=320, nbytes=163_840, copied_bytes=163_840, copies=640,
                duration_ns=None, shapes={(64,): 320}, reason="cast by NumPy into a new array",
            ),
            crossing(
                Site(loop, Place("In[9]", 3, "shifted", "return values + table")), "operator +",
                NUMPY_TO_TENSORFLOW, explicit=False, device_to=GRAPH, nbytes=50_000_000,
                copied_bytes=2_200_000_000, copies=44, shapes={(2500, 5000): 1},
            ),
            crossing(
                fit, "Cast in one_step_on_data", IN_GRAPH, explicit=False, dtype_from="float64",
                dtype_to="float32", cast="silent", device_from="CPU:0", evidence="profiled",
                cast_evidence="profiled", count=30, nbytes=245_760, copied_bytes=122_880,
                copies=30, shapes={(32, 32): 30}, reason="TensorFlow's Cast op",
            ),
        ],
        functions=[
            FunctionCalls("scaled", line(5), calls=20, traces=20, duration_ns=100_000_000,
                          retraces=[again]),
            FunctionCalls("shifted", Site(loop, None), calls=1, traces=1, duration_ns=2_200_000),
            FunctionCalls("inner", line(6), calls=0, traces=2, duration_ns=9_000_000,
                          retraces=[once], inside=True),
        ],
        pipelines=[
            Pipeline(Site(loop, None), "iteration", ("from_generator", "batch"), 1, 10,
                     python=Share(320, 163_840, 3), read=Share(10, 81_920)),
            Pipeline(fit, "Sequential.fit", ("from_tensor_slices", "shuffle", "batch"), 3, None,
                     embedded_nbytes=655_360, embedded_at=line(10).line),
            Pipeline(fit, "Sequential.fit", ("range", "map"), 1, None, made_by="Sequential.fit"),
        ],
        models=[
            ModelCalls(fit, "Sequential.fit", 1, 3, 60, 6, 1280, Share(2, 666_000, 25),
                       Share(60, 492_000, 263), Share(1, 4), Share(7, None), unlike,
                       duration_ns=973_000_000),
            ModelCalls(line(14), "Sequential.predict", 20, 0, 20, 0, 20, Share(40, 5_800, 320),
                       Share(20, 640), duration_ns=2_600_000_000),
        ],
        graph_calls=81,
        looked_into_graphs=True,
        duration_ns=5_000_000_000,
    )  # fmt: skip


def losses():
    """Everything that a report says below its table, and an error."""
    return Recording(
        title="In[8]",
        ledger=[crossing(Site(CELL, None), "tf.constant", NUMPY_TO_TENSORFLOW)],
        housekeeping=1_234,
        housekeeping_bytes=9_872,
        left_out=1,
        graph_calls=2,
        not_seen=["inside graphs", "the TFLite interpreter"],
        lost=["the tensor constructor probe failed (ValueError: no); what followed is missing"],
        duration_ns=3_000_000,
        error="KeyboardInterrupt",
    )


def nothing_but_losses():
    """No crossing at all, but not for want of trying."""
    return Recording(
        title="/home/someone/train.py", left_out=3, not_seen=["anything: no TensorFlow here"]
    )


def hostile():
    """Markup, escapes, control and wide characters in all that a user's source reaches."""
    place = Place(f"{HOSTILE}.py", 3, HOSTILE, HOSTILE)
    wide = Place("In[3]", 4, "<module>", "変換 = tf.constant(配列)  # 配列をテンソルに変換する、例")
    facts = {"reason": HOSTILE, "dtype_from": HOSTILE, "cast": "silent"}
    return Recording(
        title=HOSTILE,
        source=HOSTILE,
        ledger=[
            crossing(Site(place, place), HOSTILE, NUMPY_TO_TENSORFLOW, **facts),
            crossing(Site(wide, None), "tf.constant", NUMPY_TO_TENSORFLOW),
            crossing(line(5, "plain = tf.constant(a)"), "tf.constant", NUMPY_TO_TENSORFLOW),
        ],
        not_seen=[HOSTILE],
        lost=[HOSTILE],
        error=HOSTILE,
    )


ALL = {
    make.__name__: make
    for make in (
        empty, one_conversion, many_rows, hazards, device_moves, driven, losses,
        nothing_but_losses, hostile,
    )
}  # fmt: skip


def cell_with_helpers():
    """A cell with tabs and wide characters, and functions of an earlier cell and of a module."""
    source = [
        "%%interop_trace",
        "names = ['größe', '長さ']",
        "",
        "x = tf.constant(a)",
        "for 変数 in names:",
        "\tif 変数:  # " + "配列をテンソルに変換する、とても長い説明、" * 2,
        "\t\ttotal += normalise(x) - y.numpy()",
        "    \tz = scale(x)",
        "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT} = np.asarray(x)",
    ]
    at = [Place("In[12]", n, "<module>", code.strip()) for n, code in enumerate(source, 1)]
    earlier = Place("In[2]", 4, "normalise", "return (x - x.mean()) / np.std(x)")
    module = Place("project/features.py", 120, "Scaler.transform", "return tf.cast(x, tf.float32)")
    own = Place("In[12]", 3, "scale", "")
    read = {"device_from": "CPU:0", "device_to": "host", "copied_bytes": 0, "copies": 0}
    return Recording(
        title="In[12]",
        source="\n".join(source) + "\n",
        ledger=[
            crossing(
                Site(at[3], None), "tf.constant", NUMPY_TO_TENSORFLOW, device_to="GPU:0",
                dtype_from="float64", cast="silent", nbytes=8_000_000, copied_bytes=8_000_000,
                moved_bytes=4_000_000, duration_ns=900_000,
            ),
            crossing(
                Site(at[6], earlier), "np.std", TENSORFLOW_TO_NUMPY, explicit=False, count=1200,
                storage="view", reason="read in place", duration_ns=30_000_000, **read,
            ),
            crossing(
                Site(at[6], module), "tf.cast", NUMPY_TO_TENSORFLOW, dtype_from="float64",
                cast="explicit", count=600, nbytes=4_915_200, copied_bytes=7_372_800,
                duration_ns=None,
            ),
            crossing(
                Site(at[6], None), "Tensor.numpy", TENSORFLOW_TO_NUMPY, device_from="GPU:0",
                device_to="host", count=600, nbytes=24_000, copied_bytes=24_000, copies=600,
                moved_bytes=24_000, duration_ns=4_000_000, reason=".numpy() copies",
            ),
            crossing(
                Site(at[6], None), "operator -", NUMPY_TO_TENSORFLOW, explicit=False, count=600,
                nbytes=24_000, copied_bytes=None, copies=None, duration_ns=None,
            ),
            crossing(Site(at[7], own), "tf.constant", NUMPY_TO_TENSORFLOW, duration_ns=300),
            crossing(
                Site(at[8], None), "np.asarray", TENSORFLOW_TO_NUMPY, storage="view",
                reason="a view of the tensor's memory", duration_ns=9_000, **read,
            ),
            crossing(
                Site(None, None), "tf.constant", NUMPY_TO_TENSORFLOW, explicit=False,
                duration_ns=None,
            ),
        ],
        duration_ns=60_000_000,
    )  # fmt: skip


def long_cell():
    """A cell of 200 lines, of which three convert."""
    source = ["%%interop_trace", *(f"line_{number}()" for number in range(2, 201))]
    return Recording(
        title="In[3]",
        source="\n".join(source),
        ledger=[
            crossing(line(number, source[number - 1]), "tf.constant", NUMPY_TO_TENSORFLOW)
            for number in (4, 9, 120)
        ],
    )
