"""The cell with figures beside its lines: `rows` first, then as text and as HTML."""
