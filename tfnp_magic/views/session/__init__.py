"""A session's footers and its report, as DataFrames, as text and as HTML."""
