"""`df -k FOLDER`."""

from emulated_phone.state import this_phone

print("Filesystem       1K-blocks     Used Available Use% Mounted on")
print(f"/dev/block/dm-52 114899416 40000000 {this_phone().read().free_bytes // 1024:>9} 36% /data")
