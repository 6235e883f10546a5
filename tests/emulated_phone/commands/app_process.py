"""`CLASSPATH=JAR app_process / CLASS [FOLDER | --facts]`: the class of the jar is the Python runner."""

import json
import os
import sys
from pathlib import Path

from emulated_phone.runner import RUNNER, End, environment, run_runner
from emulated_phone.state import this_phone

_, _, name, folder = sys.argv
if not Path(os.environ["CLASSPATH"]).is_file() or name != "edge.runner.Main":
    sys.exit(f"Aborted: java.lang.ClassNotFoundException: {name}")
if folder == "--facts":
    os.execve(sys.executable, [sys.executable, str(RUNNER), folder], environment(this_phone()))
end = run_runner(this_phone(), Path(folder), lambda event: print(json.dumps(event), flush=True))
sys.exit({End.FINISHED: 0, End.FAILED: 2, End.CRASHED: 134}[end])
