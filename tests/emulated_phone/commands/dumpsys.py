"""`dumpsys battery [unplug | set KEY VALUE | reset]`, `dumpsys thermalservice`, `dumpsys power`."""

import sys

from emulated_phone.state import Phone, this_phone

POWERED = ("ac", "usb", "wireless")


def battery(phone: Phone, words: list[str]) -> None:
    match words:
        case ["unplug"]:
            phone.reported = (phone.reported or phone.battery) | dict.fromkeys(POWERED, 0)
        case ["set", key, value]:
            phone.reported = (phone.reported or phone.battery) | {key: int(value)}
        case ["reset"]:
            phone.reported = None
        case []:
            print_battery(phone)
        case _:
            sys.exit(f"Unknown command: {words[0]}")


def print_battery(phone: Phone) -> None:
    values = phone.battery if phone.reported is None else phone.reported
    print("Current Battery Service state:")
    if phone.reported is not None:
        print("  (UPDATES STOPPED -- use 'reset' to restart)")
    for key, name in zip(POWERED, ("AC", "USB", "Wireless"), strict=True):
        print(f"  {name} powered: {str(bool(values[key])).lower()}")
    print(f"  Max charging current: 500000\n  status: {values['status']}\n  health: 2\n  present: true")
    print(f"  level: {values['level']}\n  scale: 100\n  voltage: 4176\n  temperature: {values['temp']}")
    print("  technology: Li-ion")
    phone.battery["temp"] -= phone.cools_by


def thermal(phone: Phone) -> None:
    if phone.thermal_status is None:
        sys.exit("Can't find service: thermalservice")
    warmth = phone.battery["temp"] / 10
    print("IsStatusOverride: false\nThermalEventListeners:\n\tcallbacks: 2\n\tkilled: false\n\tbroadcasts count: -1")
    print(f"Thermal Status: {phone.thermal_status}\nCached temperatures:")
    print(f"\tTemperature{{mValue={warmth}, mType=2, mName=battery, mStatus=0}}\nHAL Ready: true")


with this_phone().changed() as phone:
    match sys.argv[1:]:
        case ["battery", *words]:
            battery(phone, words)
        case ["thermalservice"]:
            thermal(phone)
        case ["power"]:
            print(f"POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness={phone.wakefulness}")
        case [service, *_]:
            sys.exit(f"Can't find service: {service}")
