"""Ways between the two worlds beside calls and operators: DLPack, pickle, protos, files."""

from __future__ import annotations

from tests.contract.row import FROM_PY, MOVE, TO_NP, TO_PY, TO_TF, Row

READ = "import copy, io, pickle, tempfile; t = T(); v = tf.Variable(F(seed=1))"
LITE = """
f = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([n, n])])
x = tf.lite.TFLiteConverter.from_concrete_functions([f.get_concrete_function()]).convert()
x = tf.lite.Interpreter(model_content=x)
x.allocate_tensors()
a = F('f4')
i, o = x.get_input_details()[0]['index'], x.get_output_details()[0]['index']
"""
SESSION = """
with tf.Graph().as_default() as graph:
    p = tf.compat.v1.placeholder({dtype}, [n, n])
    y = p * 2
x = tf.compat.v1.Session(graph=graph)
a = F()
"""
CHECKPOINT = """
import tempfile
where = tempfile.TemporaryDirectory()
v = tf.Variable(F())
path = tf.train.Checkpoint(v=v).write(where.name + '/c')
x = tf.train.load_checkpoint(path)
name = next(k for k in x.get_variable_to_shape_map() if k.startswith('v/'))
"""
FILE = "import tempfile; file = tempfile.NamedTemporaryFile(); "
BYTES = "x = F().tobytes()"
PROTOS = "protocol buffers filled from arrays"

ROWS = [
    Row("dlpack_to_capsule", READ, "tf.experimental.dlpack.to_dlpack(t)", {"t": TO_NP}),
    Row("dlpack_np_from", READ, "np.from_dlpack(t)", {"t": TO_NP}),
    Row("dlpack_np_from_copy_error", READ, "np.from_dlpack(t, copy=True)", {}),
    Row("dlpack_method", READ, "t.__dlpack__()", {"t": TO_NP}),
    Row("dlpack_np_from_bfloat16_error", "t = tf.cast(T(), tf.bfloat16)", "np.from_dlpack(t)",
        {"t": TO_NP}),
    Row("dlpack_from_capsule_aligned", "a = al(F())",
        "tf.experimental.dlpack.from_dlpack(a.__dlpack__())", {"a": TO_TF}),
    Row("dlpack_from_capsule_misaligned", "a = mis(F())",
        "tf.experimental.dlpack.from_dlpack(a.__dlpack__())", {"a": TO_TF}),
    Row("dlpack_from_capsule_integers", "a = al(I())",
        "tf.experimental.dlpack.from_dlpack(a.__dlpack__())", {"a": TO_TF}),
    Row("pickle_tensor", READ, "pickle.dumps(t)", {"t": TO_PY}, works=True),
    Row("pickle_loads_tensor", READ + "; x = pickle.dumps(t)", "pickle.loads(x)",
        {"pickled": TO_TF}),
    Row("pickle_array_of_tensor", READ, "pickle.dumps(t.numpy())", {"t": TO_NP}, works=True),
    Row("pickle_variable", READ, "pickle.dumps(v)", {"v": TO_NP}, works=True),
    Row("copy_copy", READ, "copy.copy(t)", {}),
    Row("copy_deepcopy", READ, "copy.deepcopy(t)", {}),
    Row("copy_deepcopy_in_a_list", READ, "copy.deepcopy([t, 1])", {}),
    Row("copy_deepcopy_variable", READ, "copy.deepcopy(v)", {}),
    Row("identity_stays", READ, "tf.identity(t)", {}),
    Row("buffer_into_array", READ + "; import ctypes",
        "(ctypes.c_char * 100).from_buffer_copy(t)", {"t": TO_PY}),
    Row("buffer_memoryview_of_asarray", READ, "memoryview(np.asarray(t))", {"t": TO_NP}),
    Row("buffer_np_frombuffer_float32", READ, "np.frombuffer(t, 'f4')", {"t": TO_NP}, asked=True),
    Row("buffer_readinto_error", READ, "io.BytesIO(b'x' * 100).readinto(t)", {}),
    Row("move_cpu", READ, "t.cpu()", {"t": MOVE}),
    Row("move_identity_on_device", READ, "with tf.device('CPU:0'):\n    r = tf.identity(t)", {},
        line=2),
    Row("move_gpu_error", READ, "t.gpu()", {}),
    Row("make_tensor_proto", "a = F()", "tf.make_tensor_proto(a)", {"a": TO_TF}),
    Row("make_tensor_proto_float32", "a = F()", "tf.make_tensor_proto(a, tf.float32)",
        {"a": TO_TF}, asked=True),
    Row("make_tensor_proto_list", "x = F(shape=(9000,)).tolist()", "tf.make_tensor_proto(x)",
        {"x": FROM_PY}),
    Row("make_tensor_proto_tensor", READ, "tf.make_tensor_proto(t)", {"t": TO_PY}),
    Row("make_tensor_proto_strings", "a = np.array(['s%d' % i for i in range(900)])",
        "tf.make_tensor_proto(a)", {"a": TO_TF}),
    Row("make_ndarray", "x = tf.make_tensor_proto(F())", "tf.make_ndarray(x)", {"x": TO_NP}),
    Row("make_ndarray_float16", "x = tf.make_tensor_proto(F('f2'))", "tf.make_ndarray(x)",
        {"x": TO_NP}),
    Row("float_list_of_array", "a = F(shape=(9000,))", "tf.train.FloatList(value=a)",
        {"a": TO_TF}, blind=PROTOS),
    Row("float_list_of_float32", "a = F('f4', (9000,))", "tf.train.FloatList(value=a)",
        {"a": TO_TF}, blind=PROTOS),
    Row("int64_list_of_array", "a = I(shape=(9000,))", "tf.train.Int64List(value=a)",
        {"a": TO_TF}, blind=PROTOS),
    Row("example_of_array", "a = F(shape=(9000,))",
        "tf.train.Example(features=tf.train.Features(feature={'x': tf.train.Feature("
        "float_list=tf.train.FloatList(value=a))}))", {"a": TO_TF}, blind=PROTOS),
    Row("float_list_of_tensor_numpy", "t = T(shape=(900,))",
        "tf.train.FloatList(value=t.numpy())", {"t": TO_NP}),
    Row("parse_example", "x = tf.train.Example(features=tf.train.Features(feature={'x': "
        "tf.train.Feature(float_list=tf.train.FloatList(value=F(shape=(9000,))))}))"
        ".SerializeToString()",
        "tf.io.parse_single_example(x, {'x': tf.io.FixedLenFeature([9000], tf.float32)})",
        {"x": FROM_PY, "keys": FROM_PY}, {"keys": 4}),
    Row("serialize_tensor", "a = F()", "tf.io.serialize_tensor(a)", {"a": TO_TF}, works=True),
    Row("serialize_tensor_of_tensor", READ, "tf.io.serialize_tensor(t)", {}),
    Row("serialized_numpy", "t = tf.io.serialize_tensor(T())", "t.numpy()", {"t": TO_NP}),
    Row("parse_tensor_of_bytes", "x = tf.io.serialize_tensor(F()).numpy()",
        "tf.io.parse_tensor(x, tf.float64)", {"x": FROM_PY}, asked=True),
    Row("decode_raw_of_bytes", BYTES, "tf.io.decode_raw(x, tf.float64)", {"x": FROM_PY},
        asked=True),
    Row("constant_of_bytes", BYTES, "tf.constant(x)", {"x": FROM_PY}),
    Row("encode_base64", BYTES, "tf.io.encode_base64(x)", {"x": FROM_PY}),
    Row("decode_png", "x = tf.io.encode_png(V('u1', (90, 90, 3))).numpy()", "tf.io.decode_png(x)",
        {"x": FROM_PY}),
    Row("write_file_of_bytes", FILE + BYTES, "tf.io.write_file(file.name, x)", {"x": FROM_PY}),
    Row("read_file_numpy", FILE + "file.write(F().tobytes()); file.flush(); "
        "t = tf.io.read_file(file.name)", "t.numpy()", {"t": TO_NP}),
    Row("np_save_of_numpy", READ, "np.save(io.BytesIO(), t.numpy())", {"t": TO_NP},
        works=True),
    Row("np_load_to_constant", "import io; file = io.BytesIO(); np.save(file, F()); file.seek(0); "
        "a = np.load(file)", "tf.constant(a)", {"a": TO_TF}),
    Row("array_tofile", READ, "np.asarray(t).tofile('/dev/null')", {"t": TO_NP}),
    Row("checkpoint_reader_get_tensor", CHECKPOINT, "x.get_tensor(name)", {"stored": TO_NP}),
    Row("checkpoint_load_variable", CHECKPOINT, "tf.train.load_variable(path, name)",
        {"stored": TO_NP}),
    Row("tflite_set_tensor", LITE, "x.set_tensor(i, a)", {"a": TO_TF}),
    Row("tflite_get_tensor", LITE + "x.invoke()", "x.get_tensor(o)", {"x": TO_NP}),
    Row("tflite_tensor_view", LITE + "x.invoke()", "x.tensor(o)()", {"x": TO_NP}),
    Row("tflite_set_float64_error", LITE + "a = F()", "x.set_tensor(i, a)", {}),
    Row("session_run_feed", SESSION.format(dtype="tf.float64"), "x.run(y, {p: a})",
        {"a": TO_TF, "y": TO_NP}, needs_first=True),
    Row("session_run_feed_cast", SESSION.format(dtype="tf.float32"), "x.run(y, {p: a})",
        {"a": TO_TF, "y": TO_NP}, needs_first=True),
    Row("session_run_fetch", SESSION.format(dtype="tf.float64") +
        "with graph.as_default(): y = tf.ones([n, n]) * 3", "x.run(y)", {"y": TO_NP},
        needs_first=True),
    Row("graph_tensor_numpy_error", "with tf.Graph().as_default():\n    t = tf.constant(1.5)",
        "t.numpy()", {}),
    Row("graph_constant", "a = F(); graph = tf.Graph()",
        "with graph.as_default():\n    r = tf.constant(a)", {"a": TO_TF}, line=2),
    Row("graph_constant_cast", "a = F(); graph = tf.Graph()",
        "with graph.as_default():\n    r = tf.constant(a, tf.float32)", {"a": TO_TF}, line=2,
        asked=True),
    Row("summary_write", "import tempfile; where = tempfile.TemporaryDirectory(); a = F(); "
        "x = tf.summary.create_file_writer(where.name)",
        "with x.as_default():\n    r = tf.summary.write('h', a, 0)", {"a": TO_TF}, line=2,
        works=True),
]  # fmt: skip
