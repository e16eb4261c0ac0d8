"""Traces what crosses to another process of a cluster, and prints what the recordings say.

A process of its own: TensorFlow cannot leave a cluster.
"""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from tests.contract.cells import traced_cell

CODES = (
    "h + h", "h.cpu()", "with tf.device(W): x = tf.constant(a)", "r.cpu()", "r.numpy()", "h + r",
)  # fmt: skip


def main() -> None:
    """Connect to a server in this process, which TensorFlow takes for another."""
    server = tf.distribute.Server.create_local_server()
    tf.config.experimental_connect_to_host(server.target.removeprefix("grpc://"))
    names = {"tf": tf, "a": np.ones(1000, "f4"), "h": tf.ones(1000)}
    names["W"] = "/job:worker/replica:0/task:0/device:CPU:0"
    with tf.device(names["W"]):
        names["r"] = tf.constant(names["a"])
    found = {}
    for code in CODES:
        with traced_cell("<cluster>", code) as recording:
            exec(compile(code, "<cluster>", "exec"), names)
        ends = [(c.device_from, c.device_to, c.storage) for c in recording.ledger]
        found[code] = {"moves": recording.moves(), "ends": ends, "lost": recording.lost}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
