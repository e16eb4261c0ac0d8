"""When conversions happened: `lanes` of bars, above an `axis`, as text, as HTML, as a file."""
