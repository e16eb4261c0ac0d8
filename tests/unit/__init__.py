"""Each module by itself; no TensorFlow."""
