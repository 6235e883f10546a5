"""What keeps a phone's times honest: it is cool before a round, and it runs on its battery."""

from __future__ import annotations

import atexit
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_export.devices.adb_client import Adb
from edge_export.devices.android_facts import STOPPED, read_state
from edge_export.devices.device import LinkLost
from edge_export.errors import RequestError
from edge_export.spec.device import DeviceState

_RESET_S = 30.0
_RESET = "dumpsys battery reset"


@dataclass(frozen=True)
class CoolDown:
    """When a phone is cool enough, and how long to wait for it.

    Attributes:
        battery_c: The highest temperature of the battery, in degrees Celsius.
        thermal_status: The highest thermal status: 0 is "none".
        wait_s: The longest wait before one round, in seconds.
        look_s: The time between two looks, in seconds.
    """

    battery_c: float = 37.0
    thermal_status: int = 0
    wait_s: float = 600.0
    look_s: float = 10.0

    def hold(self, state: DeviceState) -> bool:
        """Returns whether the phone is cool enough, as far as it says."""
        battery_c, status = state.temperature_c, state.thermal_status
        return (battery_c is None or battery_c <= self.battery_c) and (status is None or status <= self.thermal_status)


COOL_DOWN = CoolDown()


def wait_until_cool(adb: Adb, limits: CoolDown, waiting: Callable[[], None]) -> DeviceState:
    """Waits until the phone is cool enough, at most `limits.wait_s` seconds. Its battery must report true values.

    Args:
        waiting: Called once if the phone is too warm.

    Returns:
        The last state. `cooled` says whether it is cool enough.

    Raises:
        RequestError: The phone is gone.
    """
    end, told = time.monotonic() + limits.wait_s, False
    while True:
        state = read_state(adb)
        cooled = limits.hold(state)
        if cooled or time.monotonic() >= end:
            return state.model_copy(update={"cooled": cooled})
        if not told:
            waiting()
            told = True
        time.sleep(limits.look_s)


@contextlib.contextmanager
def unplugged(adb: Adb) -> Iterator[None]:
    """Tells Android for the block that no power is connected, so that it runs as it does in a hand.

    The true state comes back after the block, also after Ctrl-C, a termination or a closed terminal. Further signals
    wait for that.

    Raises:
        LinkLost: The phone is gone.
        RequestError: It refuses.
    """
    atexit.register(reset_battery, adb)  # if a signal comes in the instant between the block and its end
    try:
        adb.require("dumpsys battery unplug", "its battery can't be unplugged in software")
        yield
    finally:
        with _held_signals():
            try:
                reset_battery(adb)
            finally:
                atexit.unregister(reset_battery)


def restore_battery(adb: Adb) -> None:
    """Resets the battery if an earlier run was killed before it could do so: it still tells old values.

    Raises:
        LinkLost: The phone is gone. The message says how to do it later.
    """
    if STOPPED in adb.require("dumpsys battery", "it does not tell the state of its battery").text:
        reset_battery(adb)


def reset_battery(adb: Adb) -> None:
    """Lets Android report its battery as it is.

    Raises:
        LinkLost: The phone is gone. The message says how to do it later.
    """
    try:
        adb.require(_RESET, "its battery can't be reset", timeout_s=_RESET_S)
    except RequestError as error:
        later = f"until then, or until `adb -s {adb.serial} shell {_RESET}`, it takes itself for unplugged"
        raise LinkLost(f"{error}; {later}") from None


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """Lets SIGINT, SIGTERM and SIGHUP wait until the end of the block. They reach only the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.signal(number, lambda number, _: came.append(number)) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, handlers, strict=True):
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
