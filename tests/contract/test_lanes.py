"""What is counted as one more of the same is told as it would be if it were described anew."""

from __future__ import annotations

import dataclasses
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfnp_magic
from tfnp_magic.frames.standing import Standings
from tfnp_magic.model import NUMPY_TO_TENSORFLOW
from tfnp_magic.recorder.recorder import Recorder
from tfnp_magic.scope import inner

from .arrays import aligned, misaligned

TIMES = 120

CELLS = {
    "numpy": "t.numpy()",
    "numpy_kept": "kept.append(t.numpy())",
    "numpy_of_others": "tensors[i % 5].numpy()",
    "numpy_of_scalar": "scalar.numpy()",
    "numpy_of_empty": "empty.numpy()",
    "numpy_of_strings": "strings.numpy()",
    "numpy_of_bfloat16": "narrow.numpy()",
    "numpy_of_variable": "v.numpy()",
    "two_of_one_line": "t.numpy(); u.numpy()",
    "in_a_function": "below(t)",
    "two_lines_to_one_function": "below(t)\n    below(t)",
    "deeper_and_not": "below(t)\n    further(t)\n    further(t)",
    "two_ways_to_one_function": "below(t) if i % 2 else below(below(t) is None or t)",
    "asarray": "np.asarray(t)",
    "asarray_kept": "kept.append(np.asarray(t))",
    "asarray_kept_now_and_then": "x = np.asarray(t); kept.append(x) if i % 3 == 0 else None; del x",
    "asarray_cast": "np.asarray(t, 'f8')",
    "asarray_of_a_temporary": "kept.append(np.asarray(t + u))",
    "asarray_of_bfloat16": "np.asarray(narrow)",
    "array": "np.array(t)",
    "copied": "np.asarray(t).copy()",
    "sum": "np.sum(t)",
    "dot": "np.dot(t, t)",
    "add": "np.add(t, u)",
    "add_itself": "np.add(t, t)",
    "where": "np.where(t, t, t)",
    "written": "big[:] = t",
    "memoryview": "memoryview(t)",
    "bytes": "bytes(t)",
    "float": "float(scalar)",
    "float32": "np.float32(scalar)",
    "index": "numbers[index]",
    "minus_aligned": "t - al",
    "minus_misaligned": "t - mis",
    "minus_either": "t - (al if i % 2 else mis)",
    "array_first": "tf.math.subtract(mis, t)",
    "minus_read_only": "t - frozen",
    "minus_other_tensors": "(t if i % 2 else t64) - (al if i % 2 else al64)",
    "minus_small": "few - few_numbers",
    "minus_few": "t[:10] - ten",
    "comparison": "t > al",
    "squeezed": "kept.append(tf.squeeze(al))",
    "taped": "with_tape(t, al)",
    "written_meanwhile": "s = tf.squeeze(al); t.numpy(); al[0] = i",
    "shapes_that_grow": "t[:i + 1].numpy()",
    "array_of_scalars": "np.array([scalar, scalar])",
    "array_of_many_scalars": "np.array(many)",
    "now_array_now_float": "(float if i % 2 else np.array)(scalar)",
    "now_array_of_two_now_float": "now = i % 5 == 4\n    "
    "(np.array if now else float)([scalar, scalar] if now else scalar)",
    "methods_below_a_librarys": "keras.tree.map_structure([float, int, bool][i % 3], scalar)",
    "other_methods_below": "read(scalar, i)",
    "small_and_handed_over": "np.nanmax(pick(i))",
    "small_and_not_handed_over": "np.nanmax([pick(i) + 1])",
    "numbers_of_a_librarys": "tf.reshape(t, [8, 8])",
    "numbers_that_change_type": "tf.reshape(t, [8, 8] if i % 2 else (8, 8.0 and 8))",
    "numbers_that_are_too_large": "attempt(tf.fill, [2], 2**(i % 80))",
    "elements": "for e in data: e.numpy(); float(e[0])",
    "elements_of_two": "for e, f in zip(data, data): e.numpy(); np.asarray(f)",
}


def _namespace():
    rng = np.random.default_rng(3)
    both = rng.random(128).astype("f4")
    al, mis, al64 = aligned(both[:64]), misaligned(both[:64]), aligned(both[:64].astype("f8"))
    frozen = aligned(both[:64])
    frozen.flags.writeable = False
    t = tf.constant(both[64:])
    space = {
        "np": np, "tf": tf, "keras": keras, "both": both,
        "al": al, "mis": mis, "al64": al64, "frozen": frozen,
        "t": t, "u": t + 1, "t64": tf.cast(t, tf.float64), "v": tf.Variable(t),
        "tensors": [t[:8], t, tf.cast(t, tf.int32), t[None], tf.cast(t, tf.bfloat16)],
        "scalar": tf.constant(2.5), "many": [tf.constant(2.5) for _ in range(20)],
        "empty": t[:0], "strings": tf.constant(["a", "bc"]),
        "narrow": tf.cast(t, tf.bfloat16), "big": np.zeros(64, "f4"), "kept": [],
        "numbers": list(range(9)), "index": tf.constant(3), "few": t[:2], "ten": aligned(both[:10]),
        "few_numbers": aligned(both[:2]),
        "data": tf.data.Dataset.from_tensor_slices(both.reshape(4, 32)),
    }  # fmt: skip
    exec(  # as an earlier cell would
        compile(
            "def below(x):\n    return x.numpy()\n"
            "def further(x):\n    below(x)\n    return below(x)\n"
            "def read(x, i):\n    return [float, int, bool, str, repr][i % 5](x)\n"
            "def pick(i):\n    return few[i % 2]\n"
            "def attempt(call, *args):\n    try:\n        call(*args)\n"
            "    except (ValueError, OverflowError):\n        pass\n"
            "def with_tape(x, a):\n    with tf.GradientTape() as tape:\n"
            "        tape.watch(x)\n        y = x * a\n    return tape.gradient(y, x)\n",
            "<earlier>",
            "exec",
        ),
        space,
    )
    return space


def _ledger(cell):
    """What is told of a line that runs often, but how long it took."""
    return _told(f"for i in range({TIMES}):\n    {cell}\n", _namespace())


def _told(text, space):
    code = compile(text, __file__, "exec")
    with tfnp_magic.trace() as recording:
        exec(code, space)
    ledger = [
        dataclasses.asdict(crossing) | {"duration_ns": crossing.duration_ns is None}
        for crossing in recording.ledger
    ]
    told = [recording.housekeeping, recording.housekeeping_bytes, recording.left_out]
    hazards = [(h.route, h.count, h.nbytes, h.written) for h in recording.hazards]
    assert not recording.lost
    longer = [*recording.pipelines, *recording.models, *recording.functions]
    told += [dataclasses.asdict(each) | {"duration_ns": 0} for each in longer]
    moments = sum(m.count for m in recording.moments) + recording.moments_dropped
    return sorted(ledger, key=repr), told, hazards, moments


@pytest.fixture
def without_lanes(monkeypatch):
    def switch_off():
        monkeypatch.setattr(Recorder, "lane", lambda self: None)
        monkeypatch.setattr(inner, "lane", None)

    return switch_off


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_is_told_as_without_lanes(cell, without_lanes):
    ours = _ledger(cell)
    without_lanes()
    assert ours == _ledger(cell)


MODEL_CELLS = {
    "fit": "model.fit(x, y, batch_size=8, epochs=3, verbose=0)",
    "fit_with_validation": "model.fit(x, y, batch_size=8, verbose=0, validation_data=(x, y))",
    "fit_with_callback": "model.fit(x, y, batch_size=8, verbose=0, callbacks=[Reads()])",
    "predict": "model.predict(x, batch_size=8, verbose=0)",
    "evaluate": "model.evaluate(x, y, batch_size=8, verbose=0)",
    "batches": "for _ in range(40): model.train_on_batch(x, y)",
    "reads_between": "for _ in range(9): model.predict(x, batch_size=8, verbose=0); float(loss)",
    "from_pipeline": "model.fit(data, epochs=2, verbose=0)",
    "calls": "for _ in range(40): np.asarray(model(x)); float(loss)",
}


@pytest.fixture(scope="module")
def training():
    rng = np.random.default_rng(5)
    x, y = rng.random((320, 4)).astype("f4"), rng.random((320, 1)).astype("f4")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])

    class Reads(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate.numpy()
            np.asarray(loss)

    loss = tf.constant(2.5)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    space = {"np": np, "model": model, "x": x, "y": y, "loss": loss, "data": data, "Reads": Reads}
    for cell in MODEL_CELLS.values():
        exec(cell, space)
    return space


def _without_luck(told):
    """Where Keras makes tensors of arrays, memory may happen to be aligned, or not."""
    ledger, *others = told
    into = [each for each in ledger if each["direction"] == NUMPY_TO_TENSORFLOW]
    counted = {each["route"]: 0 for each in into}
    for each in into:
        counted[each["route"]] += each["count"]
    return [each for each in ledger if each not in into], counted, others


@pytest.mark.parametrize("cell", MODEL_CELLS.values(), ids=MODEL_CELLS)
def test_a_model_is_told_as_without_lanes(cell, training, without_lanes, monkeypatch):
    described = []
    see = Recorder.see
    monkeypatch.setattr(Recorder, "see", lambda *args: described.append(1) or see(*args))
    ours = _without_luck(_told(cell, training))
    by_lanes = len(described)
    without_lanes()
    assert ours == _without_luck(_told(cell, training))
    assert by_lanes < (len(described) - by_lanes) / 2 or "train_on_batch" in cell


@pytest.mark.parametrize("cell", ["t - both[::2]", "t - al.astype('f8')", "tf.constant(al)"])
def test_what_depends_on_where_memory_is_taken_is_described_each_time(cell, monkeypatch):
    described = []
    see = Recorder.see
    monkeypatch.setattr(Recorder, "see", lambda *args: described.append(1) or see(*args))
    assert sum(crossing["count"] for crossing in _ledger(cell)[0]) == len(described) == TIMES


@pytest.mark.parametrize("cell", ["t.numpy()", "np.asarray(t)", "np.sum(t)", "t - al", "t * mis"])
def test_most_of_a_loop_is_not_described(cell, monkeypatch):
    """The test above would say nothing if no lane were ever used."""
    described = []
    see = Recorder.see
    monkeypatch.setattr(Recorder, "see", lambda *args: described.append(1) or see(*args))
    assert sum(crossing["count"] for crossing in _ledger(cell)[0]) == TIMES
    assert len(described) <= 16


def test_a_failure_of_ours_costs_the_recording_and_not_the_cell(monkeypatch):
    def fails(*_):
        raise RuntimeError("planted")

    space = _namespace()
    monkeypatch.setattr(Standings, "of", fails)
    with tfnp_magic.trace() as recording:
        exec("x = [t.numpy() for _ in range(5)]; y = np.asarray(t); z = t - al", space)
    assert len(space["x"]) == 5
    assert any("planted" in line for line in recording.lost)


def test_what_an_error_of_the_users_raises_is_theirs():
    space = _namespace()
    with pytest.raises(tf.errors.InvalidArgumentError) as raised, tfnp_magic.trace():
        exec("for a in [al] * 50 + [al[:3]]:\n    t - a\n", space)
    frames = [entry.frame.code.path for entry in raised.traceback]
    assert not any("tfnp_magic/probes" in str(path) for path in frames)


def test_a_warning_that_is_an_error_has_no_frame_of_ours():
    """Raised inside of the op itself, unlike TensorFlow's own errors."""
    space = _namespace() | {"whole": tf.constant([1, 2]), "odd": np.array([1.0, np.nan])}
    with warnings.catch_warnings(), tfnp_magic.trace():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="invalid value") as raised:
            exec("tf.maximum(whole, odd)", space)
    frames = [entry.frame.code.path for entry in raised.traceback]
    assert not any("tfnp_magic/probes" in str(path) for path in frames)


def test_a_warning_is_of_the_line_that_it_is_of_untraced():
    """By default Python shows it once for each line: one of ours would stand for all ops."""
    space = _namespace() | {"whole": tf.constant([1, 2]), "odd": np.array([1.0, np.nan])}
    cell = "whole - odd; tf.maximum(whole, odd); whole * odd; tf.constant(odd, tf.int32)"
    untraced = _warned(lambda: exec(cell, space))
    with tfnp_magic.trace():
        traced = _warned(lambda: exec(cell, space))
    assert len(set(untraced)) == 4
    assert traced == untraced


def _warned(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return [(each.filename, each.lineno) for each in caught]
