"""`pm path PACKAGE`, `pm install [-OPTION …] FILE`, `pm uninstall PACKAGE`: the runner app is all that is installed."""

import shutil
import sys
from pathlib import Path

from emulated_phone.state import APP, RUNNER, Phone, this_phone


def install(phone: Phone, file: Path) -> str:
    """Returns why the file is not installed; empty: it is."""
    if phone.refuses_apps:
        return "INSTALL_FAILED_USER_RESTRICTED: Install canceled by user"
    if phone.runner and phone.other_key:
        return f"INSTALL_FAILED_UPDATE_INCOMPATIBLE: Existing package {RUNNER} signatures do not match newer version"
    app = state.inside(APP)
    app.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, app)
    phone.runner, phone.other_key = RUNNER, False
    return ""


state = this_phone()
with state.changed() as phone:
    match sys.argv[1:]:
        case ["path", package]:
            if package != phone.runner:
                sys.exit(1)
            print(f"package:{APP}")
        case ["install", *_, file]:
            if reason := install(phone, Path(file)):
                sys.exit(f"Failure [{reason}]")
            print("Success")
        case ["uninstall", package] if package == phone.runner:
            phone.runner = ""
            state.inside(APP).unlink()
            print("Success")
        case _:
            sys.exit(f"Failure [{sys.argv[1:]}]")
