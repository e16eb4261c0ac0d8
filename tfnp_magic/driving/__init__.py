"""What drove a conversion: functions, pipelines and models, on TensorFlow's threads, too.

`driver` is the line that drives work on other threads, `callers` who may be calling a Python
function of a graph. `function_calls` (with `retraces`: why one was traced again), `pipelines` and
`model_calls` count conversions by what drove them.
"""
