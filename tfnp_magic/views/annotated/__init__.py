"""The cell with figures beside its lines: `rows` first, with `details`, then `text` and `html`."""
