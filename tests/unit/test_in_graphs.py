"""Reading a profile: hand-made ones, of what TensorFlow's profiler writes."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace as Bag

import pytest

from tfnp_magic.in_graphs.asked import asks_for_cast, innermost_in_graph
from tfnp_magic.in_graphs.calls import Call
from tfnp_magic.in_graphs.casts import casts_in
from tfnp_magic.in_graphs.moves import constants_in, moves_in
from tfnp_magic.in_graphs.nodes import Line, Nodes, short_name
from tfnp_magic.in_graphs.shapes import Tensor, inputs_in
from tfnp_magic.in_graphs.steps import Steps
from tfnp_magic.in_graphs.timeline import MARKER, Timeline

CPU, XPU = (
    "/job:localhost/replica:0/task:0/device:CPU:0",
    "/job:localhost/replica:0/task:0/device:XPU:0",
)
STEP = -77
FLOATS = Tensor("float32", (30, 4))
"""480 bytes."""


@dataclasses.dataclass
class Stat:
    """A value that an event tells; text may be told by its number."""

    metadata_id: int
    str_value: str = ""
    int64_value: int = 0
    ref_value: int = 0
    which: str = "str_value"

    def WhichOneof(self, _):
        return self.which


def space(*threads, plane="/host:CPU"):
    """An ``XSpace``: for each thread, its events as (name, begin, end, what it tells), in µs."""
    names, stats, lines = {}, {}, []

    def number(of, name):
        return of.setdefault(name, len(of) + 1)

    def stat(key, value):
        if isinstance(value, int):
            return Stat(number(stats, key), int64_value=value, which="int64_value")
        if key == "kernel_name":
            return Stat(number(stats, key), ref_value=number(stats, value), which="ref_value")
        return Stat(number(stats, key), str_value=value)

    for events in threads:
        made = [
            Bag(
                metadata_id=number(names, name),
                offset_ps=begin * 1_000_000,
                duration_ps=(end - begin) * 1_000_000,
                stats=[stat(key, value) for key, value in told.items()],
            )
            for name, begin, end, told in events
        ]
        lines.append(Bag(timestamp_ns=5_000, events=made))
    metadata = {n: Bag(name=name) for name, n in names.items()}
    told = {n: Bag(name=name) for name, n in stats.items()}
    return Bag(planes=[Bag(name=plane, lines=lines, event_metadata=metadata, stat_metadata=told)])


class Functions:
    """A library of functions: for each, its nodes as (name, op, inputs, attributes)."""

    def __init__(self, *compiled, **functions):
        self._compiled, self._functions = compiled, functions

    def names(self):
        return list(self._functions)

    def definition(self, name):
        if name not in self._functions:
            return None
        nodes = [
            Bag(name=node, op=op, input=inputs, attr=attributes)
            for node, op, inputs, attributes in self._functions[name]
        ]
        attributes = {"_XlaMustCompile": Bag(b=True)} if name in self._compiled else {}
        return Bag(node_def=nodes, attr=attributes)

    def lines(self, name, node):
        return []


def kind(number):
    return Bag(type=number)


def calls(name):
    return Bag(func=Bag(name=name))


CAST = ("Cast", "Cast", ["x"], {"SrcT": kind(1), "DstT": kind(19)})
F = (Call(("f",), (), {}),)


def read(profile, functions=None, made=F):
    timeline = Timeline(profile)
    return timeline, Steps(timeline, list(made)), Nodes(functions or Functions(f=[CAST]), {"f"})


def call(number=0, step=STEP, begin=0, end=100):
    """A call of a function on the Python thread."""
    return [
        (MARKER, begin, end, {"call": str(number)}),
        ("EagerExecute", begin + 1, end - 1, {"eager_op": "f", "is_func": 1}),
        ("FunctionRun", begin + 2, end - 2, {"id": step}),
    ]


def graph(*ops, step=STEP, begin=10, end=90):
    """What a thread ran of a graph."""
    return [("ExecutorState::Process", begin, end, {"id": step}), *ops]


CAST_RAN = ("Cast:Cast", 20, 25, {"shape": "(float[30,4])"})


# ---- casts --------------------------------------------------------------------------------


def test_a_cast_tells_both_ends_and_its_call():
    (ran,) = casts_in(*read(space(call(), graph(CAST_RAN))))
    assert (ran.call, ran.node, ran.functions) == (0, "Cast", ("f",))
    assert (ran.tensor, ran.result) == (FLOATS, Tensor("float16", (30, 4)))
    assert ran.duration_ps == 5_000_000


def test_an_op_belongs_to_the_call_of_its_step_and_not_to_another_at_that_time():
    profile = space(
        call(0), graph(CAST_RAN),
        call(1, step=-8), graph(CAST_RAN, CAST_RAN, step=-8),
    )  # fmt: skip
    ran = casts_in(*read(profile, made=[*F, Call(("f",), (), {})]))
    assert sorted(each.call for each in ran) == [0, 1, 1]


def test_what_no_marker_leads_to_has_no_call():
    (ran,) = casts_in(*read(space(call()[2:], graph(CAST_RAN))))
    assert ran.call is None


def test_an_eager_ops_own_function_does_not_count():
    eager = [
        ("EagerExecute", 0, 100, {"eager_op": "Cast", "is_func": 0}),
        ("FunctionRun", 2, 98, {"id": STEP}),
    ]
    assert casts_in(*read(space(eager, graph(CAST_RAN)))) == []


def test_nor_does_what_runs_while_a_graph_is_built():
    assert casts_in(*read(space(call(), graph(CAST_RAN, step=-1)))) == []


def test_an_op_whose_threads_stretch_is_missing_is_known_by_what_it_handed_on():
    handed = ("ExecutorPropagateOutputs", 26, 27, {"kernel_name": "Cast", "id": STEP})
    (ran,) = casts_in(*read(space(call(), [CAST_RAN, handed])))
    assert ran.call == 0
    assert casts_in(*read(space(call(), [CAST_RAN]))) == []


def test_a_cast_of_unknown_result_says_so():
    functions = Functions(f=[("Cast", "Cast", ["x"], {"SrcT": kind(2), "DstT": kind(19)})])
    (ran,) = casts_in(*read(space(call(), graph(CAST_RAN)), functions))
    assert ran.result == Tensor("", (30, 4))
    assert ran.result.nbytes is None


# ---- pipelines ----------------------------------------------------------------------------


PIPELINE = Call((), ("mapped",), {})
MAPPED = Functions(
    mapped=[("Cast", "Cast", ["a"], {"SrcT": kind(1), "DstT": kind(3)})],
    other=[("Cast", "Cast", ["a"], {"SrcT": kind(1), "DstT": kind(9)})],
)


def asked(call_number="0"):
    """The Python thread asks an iterator for an element."""
    return [
        (MARKER, 0, 100, {"call": call_number}),
        ("EagerExecute", 1, 99, {"eager_op": "IteratorGetNext", "is_func": 0}),
        ("IteratorGetNextOp::DoCompute", 2, 98, {"id": -5}),
        ("Iterator::Root", 3, 97, {"id": 1}),
        ("Iterator::Root::Prefetch", 4, 96, {"id": 2, "parent_id": 1}),
    ]


AHEAD = [
    ("PrefetchProduce", 10, 60, {"element_id": 9}),
    ("Iterator::Root::Prefetch::Map", 11, 59, {"id": 3, "parent_id": 2}),
    ("InstantiatedCapturedFunction::Run", 12, 58, {"id": STEP}),
    ("FunctionRun", 13, 57, {"id": STEP}),
]


def test_what_runs_ahead_is_of_the_line_that_asks_its_iterator():
    (ran,) = casts_in(*read(space(asked(), AHEAD, graph(CAST_RAN)), MAPPED, [PIPELINE]))
    assert (ran.call, ran.result.dtype) == (0, "int32")


def test_an_element_made_by_an_iterator_belongs_to_the_iterator():
    made = [
        ("ParallelMapProduce", 10, 60, {"element_id": 9}),
        ("Iterator::Root::Prefetch::ParallelMapV2::Range", 11, 12, {"id": 4, "parent_id": 2}),
        ("InstantiatedCapturedFunction::RunAsync", 13, 58, {"id": STEP}),
    ]
    (ran,) = casts_in(*read(space(asked(), made, graph(CAST_RAN)), MAPPED, [PIPELINE]))
    assert ran.call == 0


def test_an_iterator_that_two_lines_ask_tells_neither():
    both = [PIPELINE, PIPELINE]
    profile = space(asked("0"), asked("1"), AHEAD, graph(CAST_RAN))
    (ran,) = casts_in(*read(profile, MAPPED, both))
    assert ran.call is None
    assert ran.result.dtype == "", "and any function may be it"


def test_iterators_that_lead_in_a_circle_lead_nowhere():
    circle = [("Iterator::Root::Map", 0, 90, {"id": 1, "parent_id": 2}),
              ("Iterator::Root::Batch", 1, 89, {"id": 2, "parent_id": 1}),
              ("InstantiatedCapturedFunction::Run", 2, 88, {"id": STEP})]  # fmt: skip
    (ran,) = casts_in(*read(space(circle, graph(CAST_RAN)), MAPPED, [PIPELINE]))
    assert ran.call is None


def test_a_graph_that_asks_an_iterator_is_the_call_behind_its_elements():
    in_graph = [
        ("IteratorGetNextOp::DoCompute", 20, 80, {"id": -6}),
        ("Iterator::Root", 21, 79, {"id": 2}),
        ("InstantiatedCapturedFunction::Run", 22, 78, {"id": STEP}),
    ]
    both = Call(("f",), ("mapped",), {})
    profile = space(call(step=-6), in_graph, graph(CAST_RAN))
    (ran,) = casts_in(*read(profile, MAPPED, [both]))
    assert (ran.call, ran.functions, ran.result.dtype) == (0, ("mapped",), "int32")


# ---- moves --------------------------------------------------------------------------------


def sent(device_from=XPU, device_to=CPU, send="_Send", receive="_Recv", producer="add", to="Sum"):
    """A send and its receive."""
    key = f"{device_from};abc;{device_to};edge_4_{producer};0:0"
    told = {"from": producer, "to": to, "key": key}
    return (
        graph((f"{producer}/_1:{send}", 20, 25, told)),
        graph((f"{producer}/_2:{receive}", 22, 23, told)),
        [("ExecutorState::ProcessAsync::Done", 40, 41, {"name": "add/_2", "step_id": STEP})],
    )


SUM = ("Sum:Sum", 42, 43, {"shape": "(float[30,4];int32[1])"})
SUMS = Functions(f=[("Sum", "Sum", ["add:z:0", "axes:output:0"], {})])


def move(*threads, functions=SUMS):
    (ran,) = moves_in(*read(space(call(), *threads), functions))
    return ran


def test_a_move_has_the_bytes_of_the_input_that_it_became():
    ran = move(*sent(), graph(SUM))
    assert (ran.tensor, ran.moved_bytes, ran.call) == (FLOATS, 480, 0)
    assert (ran.device_from, ran.device_to) == (XPU, CPU)
    assert ran.duration_ps == 18_000_000, "from when both were ready until it was there"


def test_a_receiver_in_a_function_that_was_put_in_its_place_is_found():
    functions = Functions(
        f=[("inner", "PartitionedCall", ["x"], {"f": calls("g")})],
        g=[("Sum", "Sum", ["add:z:0", "axes:output:0"], {})],
    )
    threads = sent(producer="inner/add", to="inner/Sum")
    ran = move(*threads, graph(("inner/Sum:Sum", 42, 43, SUM[3])), functions=functions)
    assert ran.moved_bytes == 480


def test_without_the_function_inputs_that_differ_leave_the_bytes_unknown():
    ran = move(*sent(), graph(SUM), functions=Functions())
    assert (ran.moved_bytes, ran.tensor.dtype) == (None, "")
    alike = ("Sum:Sum", 42, 43, {"shape": "(float[30,4];float[30,4])"})
    assert move(*sent(), graph(alike), functions=Functions()).moved_bytes == 480


def test_the_buffer_that_was_allocated_on_the_way_tells_most():
    send, receive, done = sent(CPU, XPU)
    told = {"tf_op": "SameWorkerRecvDone", "requested_bytes": 480, "data_type": 1,
            "shape": "[30,4]", "allocator_name": "PluggableDevice_0_bfc"}  # fmt: skip
    ran = move([*send, ("MemoryAllocation", 24, 24, told)], receive, done, functions=Functions())
    assert (ran.tensor, ran.moved_bytes) == (FLOATS, 480)


def test_a_result_that_was_allocated_on_the_device_tells_too():
    told = {"tf_op": "add", "id": STEP, "region_type": "output", "requested_bytes": 480,
            "data_type": 1, "shape": "[30,4]", "allocator_name": "GPU_0_bfc"}  # fmt: skip
    add = ("MemoryAllocation", 15, 15, told)
    assert move(*sent(), [add], functions=Functions()).moved_bytes == 480


def test_what_goes_to_a_result_is_found_by_its_other_name():
    result = ("identity_retval_RetVal:_Retval", 42, 43, {"shape": "(float[30,4])"})
    ran = move(*sent(to="identity_RetVal"), graph(result), functions=Functions())
    assert ran.moved_bytes == 480


def test_waiting_for_an_op_moves_nothing():
    waits = Functions(f=[("Sum", "Sum", ["x", "axes:output:0", "^add"], {})])
    assert move(*sent(), graph(SUM), functions=waits).moved_bytes == 0
    constant = ("Sum:Const", 42, 43, {})
    assert move(*sent(), graph(constant), functions=Functions()).moved_bytes == 0


@pytest.mark.parametrize(
    ("device_from", "device_to", "send", "receive", "ends"),
    [
        (CPU, XPU, "_Send", "_Recv", (CPU, XPU)),
        (XPU, CPU, "_HostSend", "_Recv", None),
        (CPU, XPU, "_Send", "_HostRecv", None),
        (CPU, CPU, "_Send", "_Recv", None),
        (XPU, XPU, "_Send", "_HostRecv", (XPU, CPU)),
        (XPU, XPU, "_HostSend", "_Recv", (CPU, XPU)),
    ],
)
def test_tensors_in_host_memory_stay_there(device_from, device_to, send, receive, ends):
    threads = sent(device_from, device_to, send, receive)
    found = moves_in(*read(space(call(), *threads, graph(SUM)), SUMS))
    assert [(ran.device_from, ran.device_to) for ran in found] == ([ends] if ends else [])


def test_logical_devices_of_the_cpu_share_their_memory():
    other = CPU.replace("CPU:0", "CPU:1")
    ran = move(*sent(CPU, other), graph(SUM))
    assert (ran.tensor, ran.moved_bytes) == (FLOATS, 0)


def test_a_send_that_was_not_through_is_told_by_what_arrived():
    _, receive, done = sent(CPU, XPU)
    assert move(receive, done, graph(SUM)).moved_bytes == 480
    assert moves_in(*read(space(call(), receive, graph(SUM)), SUMS)) == [], "it did not arrive"


def test_one_that_may_have_been_in_host_memory_is_unknown_then():
    _, receive, done = sent(XPU, CPU)
    numbers = ("Sum:Sum", 42, 43, {"shape": "(int32[30];int32[1])"})
    assert move(receive, done, graph(numbers)).moved_bytes is None


# ---- constants ------------------------------------------------------------------------------


def allocated(allocator, at, **told):
    return ("MemoryAllocation", at, at, {"allocator_name": allocator, "tf_op": "add/y", **told})


@pytest.mark.parametrize("region", [{}, {"region_type": "(null)"}])
def test_a_constant_that_is_copied_to_a_device_has_two_buffers(region):
    host, device = "pluggable_device_host_bfc", "PluggableDevice_0_bfc"
    made = [
        allocated(host, 5, requested_bytes=4, **region),
        allocated(device, 6, requested_bytes=4, **region),
        allocated(device, 7, requested_bytes=4, region_type="output"),
        allocated(device, 8, requested_bytes=8),
    ]  # fmt: skip
    timeline, steps, _ = read(space([*call(), *made]))
    (ran,) = constants_in(timeline, steps)
    assert (ran.node, ran.moved_bytes, ran.call) == ("add/y", 4, 0)
    assert (ran.device_from, ran.device_to) == ("CPU:0", "PluggableDevice:0")


# ---- other ----------------------------------------------------------------------------------


def test_other_planes_are_not_read():
    assert casts_in(*read(space(call(), graph(CAST_RAN), plane="/device:GPU:0"))) == []


def test_shapes():
    assert inputs_in("(float[30,4];;int32[];half[2])") == [
        FLOATS, Tensor("", None), Tensor("int32", ()), Tensor("float16", (2,)),
    ]  # fmt: skip
    assert inputs_in("") == []
    assert Tensor("string", (2,)).nbytes is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("while/body/_1/while/Cast", "body"),
        ("while/cond/_0/while/Cast", "cond"),
        ("if/then/_3/if/Cast", "then"),
        ("if/else/_4/if/Cast", "else"),
        ("case/branch1/_5/case/Cast", "second"),
        ("g/Cast", "g"),
        ("Cast", "f"),
    ],
)
def test_a_node_is_led_back_to_its_function(path, name):
    functions = Functions(
        f=[
            ("Cast", "Cast", [], {}),
            ("while", "While", [], {"body": calls("body"), "cond": calls("cond")}),
            ("if", "If", [], {"then_branch": calls("then"), "else_branch": calls("else")}),
            ("case", "Case", [], {"branches": Bag(list=Bag(func=[Bag(name="first"),
                                                                 Bag(name="second")]))}),
            ("g", "g", [], {}),
        ],
        body=[("while/Cast", "Cast", [], {})], cond=[("while/Cast", "Cast", [], {})],
        then=[("if/Cast", "Cast", [], {})], g=[("Cast", "Cast", [], {})],
        first=[("case/Cast", "Cast", [], {})], second=[("case/Cast", "Cast", [], {})],
        **{"else": [("if/Cast", "Cast", [], {})]},
    )  # fmt: skip
    assert [node.function for node in Nodes(functions).find(("f",), path)] == [name]


def test_a_function_that_calls_itself_is_followed_so_far():
    functions = Functions(f=[("f", "f", [], {})])
    assert Nodes(functions).find(("f",), "/".join(["f"] * 40) + "/Cast") == []


def test_a_function_is_compiled_if_one_that_it_calls_is():
    made = {
        "f": [("g", "PartitionedCall", [], {"f": calls("g")}), ("f", "f", [], {"f": calls("f")})],
        "g": [("case", "Case", [], {"branches": Bag(list=Bag(func=[Bag(name="h")]))})],
        "h": [],
    }
    assert Nodes(Functions("h", **made)).is_compiled("f")
    assert Nodes(Functions("g", **made)).is_compiled("f")
    assert not Nodes(Functions("f", **made)).is_compiled("g")
    assert not Nodes(Functions(**made)).is_compiled("f")


def test_names():
    assert short_name("__inference_scale_52") == "scale"
    assert short_name("__forward_scale_up_7") == "scale_up"
    assert short_name("__backward_scale_9") == "gradient of scale"
    assert short_name("__inference_Dataset_map_lambda_30") == "map_lambda"
    assert short_name("mine") == "mine"


LIBRARY = pytest.__file__


def test_who_asked_for_a_cast(tmp_path):
    module = tmp_path / "mine.py"
    module.write_text(
        "def f(x):\n    y = tf.cast(\n        x,\n        tf.int8,\n    )\n    return tf.sum(x)\n"
    )
    mine, theirs = str(module), Line(LIBRARY, 1, "layer")
    assert asks_for_cast([Line(mine, 2, "f")])
    assert asks_for_cast([Line(mine, 4, "f")]), "the call is spread over lines"
    assert not asks_for_cast([Line(mine, 6, "f")])
    assert not asks_for_cast([Line(mine, 2, "f"), theirs])
    assert asks_for_cast([]), "not known"
    assert asks_for_cast([Line("<gone>", 1, "f")]), "not at hand"


def test_which_line_is_in_the_graph():
    cell, called = Line("<cell>", 1, "<module>"), Line("<cell>", 5, "call")
    theirs = Line(LIBRARY, 1, "fit")
    assert innermost_in_graph([cell, called]) == called
    assert innermost_in_graph([theirs, cell, theirs, called, theirs]) == called
    assert innermost_in_graph([theirs, cell, theirs]) is None
    assert innermost_in_graph([theirs, Line("<cell>", 3, "train"), theirs]) is None
    assert innermost_in_graph([cell]) is None
    assert innermost_in_graph([]) is None
