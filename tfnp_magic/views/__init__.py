"""A recording as a DataFrame, as text and as HTML; nothing here imports TensorFlow or IPython."""
