"""`pm path PACKAGE`."""

import sys

from emulated_phone.state import this_phone

package = sys.argv[2]
if package != this_phone().read().runner:
    sys.exit(1)
print(f"package:/data/app/~~x1==/{package}-y2==/base.apk")
