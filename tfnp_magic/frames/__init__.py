"""From a running frame to what a user can look up.

`site` finds the frames that count and their lines; `standing` is the quickest walk to them, as a
key; `spots` keeps the places that one trace has come by. `route` names what the user wrote
there: `executed` finds its syntax, `names` the public names, `rebound` says whether it may be
another the next time. `into` is the dtype that it asks for, and `handed` says whether the user
handed over what was converted.
"""
