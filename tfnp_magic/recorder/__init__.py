"""From what a probe saw to the crossings of a recording.

`seen` is one conversion as a probe saw it; `recorder` says whose it is and settles it, by
`judging`: whether it is small, or asked for, and the verdict on it. `ledger` counts it, `moments`
says when it was. `lanes` counts what one line converts again and again without describing it anew.
`cast_before` finds casts that a library made on the way; `comparing` looks at what casts did to
the values, as far as `budget` allows.
"""
