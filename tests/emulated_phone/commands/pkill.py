"""`pkill -f PATTERN`: the runner is all that this phone has to end."""

from emulated_phone.runner import end_runner
from emulated_phone.state import this_phone

end_runner(this_phone())
