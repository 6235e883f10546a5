"""What an emulated phone says of itself, by the real adb client."""

from __future__ import annotations

from edge_export.devices.android_facts import read_facts, read_properties, read_state


def test_an_unplugged_battery_repeats_old_values_and_they_are_not_believed(adb, phone):
    adb.require("dumpsys battery unplug", "")
    phone.set(battery=phone.state.read().battery | {"temp": 391})
    assert "temperature: 284" in adb.shell("dumpsys battery").text
    state = read_state(adb)
    assert (state.temperature_c, state.charging) == (39.1, None)
    phone.set(thermal_status=None)
    state = read_state(adb)
    assert (state.temperature_c, state.thermal_status) == (None, None)
    adb.require("dumpsys battery reset", "")
    state = read_state(adb)
    assert (state.temperature_c, state.charging) == (39.1, True)


def test_a_phone_whose_screen_is_off(adb, phone):
    phone.set(wakefulness="Asleep")
    assert read_state(adb).screen_on is False


def test_what_a_phone_forbids_is_unknown(adb, phone):
    (phone.state.root / "proc/loadavg").unlink()
    (phone.state.root / "proc/meminfo").unlink()
    (phone.state.root / "sys/devices/system/cpu/possible").unlink()
    facts = read_facts(adb, "a runner")
    assert (facts.memory_bytes, facts.cores, facts.before.load) == (None, None, None)


def test_properties_that_are_hostile_or_missing():
    found = read_properties("[ro.product.model]: [a\x1b[2Jb]\n[ro.hardware]: [ranchu]\nnonsense\n[x]: [" + "y" * 10**6)
    assert found.model == "ab"
    assert (found.soc, found.emulated) == ("ranchu", True)
    assert read_properties("").model == "unknown"
