"""What holds for every test: property tests draw the same examples on each run, unless others are asked for.

`make test` says the same about one commit each time it is asked; `HYPOTHESIS_PROFILE=search` looks at new examples,
as `make reliability` does.

Ctrl-C and the end of a terminal reach what tests start: `&` and `nohup` have them ignored, and that is inherited.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("repeat", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
