"""The same calls on another thread: what a user's thread does is the user's doing, too."""

from __future__ import annotations

from tests.contract.row import TO_NP, TO_PY, TO_TF, Row

POOL = "from concurrent.futures import ThreadPoolExecutor; "

ROWS = [
    Row("thread_constant", "a = F()", "in_thread(lambda: tf.constant(a))", {"a": TO_TF}),
    Row("thread_squeeze_aligned", "a = al(F())", "in_thread(lambda: tf.squeeze(a))",
        {"a": TO_TF}),
    Row("thread_operator_sub", "a = F(); t = T(seed=1)", "in_thread(lambda: t - a)",
        {"a": TO_TF}),
    Row("thread_numpy", "t = T()", "in_thread(lambda: t.numpy())", {"t": TO_NP}),
    Row("thread_bound_numpy", "t = T()", "in_thread(t.numpy)", {"t": TO_NP}),
    Row("thread_np_sum", "t = T()", "in_thread(lambda: np.sum(t))", {"t": TO_NP}),
    Row("thread_np_asarray", "t = T()", "in_thread(lambda: np.asarray(t))", {"t": TO_NP}),
    Row("thread_np_copy", "t = T()", "in_thread(lambda: np.copy(t))", {"t": TO_NP}),
    Row("thread_np_array_copy", "t = T()", "in_thread(lambda: np.array(t, copy=True))",
        {"t": TO_NP}),
    Row("thread_repr", "t = T()", "in_thread(lambda: repr(t))", {"t": TO_PY}),
    Row("thread_setitem", "a = F(); t = T(seed=1)",
        "in_thread(lambda: a.__setitem__(slice(None), t))", {"t": TO_NP}),
    Row("thread_function_call", "f = tf.function(lambda x: x * 2); a = F()",
        "in_thread(lambda: f(a))", {"a": TO_TF}, needs_first=True),
    Row("thread_assign", "a = F(); v = tf.Variable(F(seed=1))",
        "in_thread(lambda: v.assign(a))", {"a": TO_TF}),
    Row("pool_constants", POOL + "a = F(); b = F(seed=1)",
        "with ThreadPoolExecutor(2) as pool:\n    r = list(pool.map(tf.constant, [a, b]))",
        {"a": TO_TF, "b": TO_TF}, line=2),
    Row("pool_np_mean", POOL + "t = T(); u = T(seed=1)",
        "with ThreadPoolExecutor(2) as pool:\n    r = list(pool.map(np.mean, [t, u]))",
        {"t": TO_NP, "u": TO_NP}, line=2),
    Row("pool_submit_numpy", POOL + "t = T()",
        "with ThreadPoolExecutor(1) as pool:\n    x = pool.submit(t.numpy)\n    r = x.result()",
        {"t": TO_NP}, line=2),
    Row("asyncio_to_thread", "import asyncio; t = T()",
        "asyncio.run(asyncio.to_thread(np.asarray, t))", {"t": TO_NP}),
    Row("asyncio_coroutine", "import asyncio; t = T()",
        "async def f():\n    return t.numpy()\nr = asyncio.run(f())", {"t": TO_NP}, line=2),
]  # fmt: skip
