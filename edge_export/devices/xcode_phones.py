"""The phones that a Mac's `devicectl` knows, and which of them is meant."""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from edge_export.devices.choose_one import Wording, choose_one
from edge_export.devices.xcode_faults import fault_in
from edge_export.devices.xcode_mac import Mac
from edge_export.errors import RequestError, one_line

_JSON_BYTES = 8 << 20
_ASK_S = 120.0
_TOLD = '"$@" --json-output "$0" >&2; status=$?; cat "$0" 2> /dev/null; rm -f "$0"; exit $status'
"""Runs a command, and prints the JSON file that it writes. One order, as each is a connection where the Mac is far."""
_UDID = re.compile(r"[0-9A-Za-z-]{1,64}")
"""It stands in names of folders and in commands."""


@dataclass(frozen=True)
class Phone:
    """A phone that was paired with the Mac once.

    Attributes:
        udid: Its identifier for Xcode.
        model: Such as "iPhone 15 Pro".
        os: Such as "iOS 18.1".
        paired: Whether it trusts the Mac.
        reachable: Whether it is attached, or in the same network.
        developer_mode: Whether it runs apps of developers. None: it does not say.
    """

    udid: str
    model: str
    os: str
    paired: bool
    reachable: bool
    developer_mode: bool | None


class _Hardware(BaseModel):
    udid: str
    platform: str = "iOS"
    marketing_name: str = Field(default="", alias="marketingName")
    product_type: str = Field(default="", alias="productType")


class _Properties(BaseModel):
    version: str = Field(default="", alias="osVersionNumber")
    developer_mode: str | None = Field(default=None, alias="developerModeStatus")


class _Connection(BaseModel):
    pairing: str = Field(default="paired", alias="pairingState")
    tunnel: str = Field(default="", alias="tunnelState")


class _Device(BaseModel):
    hardware: _Hardware = Field(alias="hardwareProperties")
    properties: _Properties = Field(default=_Properties(), alias="deviceProperties")
    connection: _Connection = Field(default=_Connection(), alias="connectionProperties")


class _Answer(BaseModel):
    result: dict[str, Any]


def devicectl(mac: Mac, *words: str, silence_s: float = _ASK_S) -> dict[str, Any]:
    """Runs `devicectl`, and returns `result` of the JSON file that it writes, its only interface for programs.

    Raises:
        LinkLost: The Mac is not reached.
        RequestError: It failed, with what to do; or its answer is not valid.
    """
    told = f"{mac.folder}/{secrets.token_hex(8)}.json"
    answer = mac.run(
        ["sh", "-c", _TOLD, told, "xcrun", "devicectl", *words], silence_s=silence_s, limit_bytes=_JSON_BYTES
    )
    if answer.status:
        raise RequestError(f"{mac.name}: {fault_in(answer.errors) or f'devicectl failed ({answer.complaint})'}")
    try:
        return _Answer.model_validate_json(answer.output).result
    except ValidationError:
        raise RequestError(f"{mac.name}: `devicectl {' '.join(words[:2])}` wrote no JSON: update Xcode") from None


def known_phones(mac: Mac) -> list[Phone]:
    """Returns the phones and tablets that the Mac knows, whether they can be used or not.

    Raises:
        RequestError: It has no Xcode, or is not reached.
    """
    phones = []
    for each in devicectl(mac, "list", "devices").get("devices", []):
        try:
            device = _Device.model_validate(each)
        except ValidationError:  # some kinds of devices, such as watches, lack an udid
            continue
        hardware = device.hardware
        if hardware.platform not in ("iOS", "iPadOS") or _UDID.fullmatch(hardware.udid) is None:
            continue
        mode = device.properties.developer_mode
        phones.append(
            Phone(
                udid=hardware.udid,
                model=one_line(hardware.marketing_name or hardware.product_type or "unknown", 100),
                os=one_line(f"{hardware.platform} {device.properties.version}".strip(), 100),
                paired=device.connection.pairing == "paired",
                reachable=device.connection.tunnel != "unavailable",
                developer_mode=None if mode is None else mode == "enabled",
            )
        )
    return phones


def choose_phone(mac: Mac, udid: str) -> Phone:
    """Returns the phone of this udid; the only one that can be used if `udid` is empty.

    Raises:
        RequestError: There is none, or there are several, or it can't be used. The message says what to do.
    """
    none = f"{mac.name}: no phone is paired: connect one by cable, unlock it and trust this Mac"
    phones = {f"{mac.name}:{phone.udid}": phone for phone in known_phones(mac)}
    wanted = udid and f"{mac.name}:{udid}"
    phone = choose_one(phones, wanted, lambda phone: not problem_of(phone), Wording("paired", " with that Mac", none))
    if problem := problem_of(phone):
        raise RequestError(f"{mac.name}:{phone.udid} {problem}")
    return phone


def problem_of(phone: Phone) -> str:
    """Returns why a phone can't be used and what to do; empty: nothing is known to be wrong."""
    if not phone.reachable:
        return "is not connected: attach it by cable, or bring it into the Mac's network, and unlock it"
    if not phone.paired:
        return "is not paired: connect it by cable, unlock it and trust the Mac"
    if phone.developer_mode is False:
        return "has Developer Mode off: switch it on in Settings > Privacy & Security, and restart the phone"
    return ""


def require_unlocked(mac: Mac, phone: Phone) -> None:
    """Raises RequestError if the phone says that it is locked: then it starts no tests."""
    told: dict[str, Any] = {}
    with contextlib.suppress(RequestError):  # if it does not say, the tests will
        told = devicectl(mac, "device", "info", "lockState", "--device", phone.udid)
    if told.get("passcodeRequired") is True:
        raise RequestError(f"{mac.name}:{phone.udid} is locked: unlock it, and keep it so (Auto-Lock: Never)")
