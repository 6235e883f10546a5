"""`getprop [NAME]`."""

import sys

from emulated_phone.state import this_phone

props = this_phone().read().props
if len(sys.argv) > 1:
    print(props.get(sys.argv[1], ""))
else:
    for name, value in sorted(props.items()):
        print(f"[{name}]: [{value}]")
