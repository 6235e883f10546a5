"""Which devices of AWS Device Farm a run takes: a pool by its ARN, or rules such as `MODEL=Pixel 8|Pixel 9`."""

from __future__ import annotations

import re
from typing import Any

from edge_export.devices.farms.aws_client import Farm, checked_arn
from edge_export.devices.farms.aws_records import Device
from edge_export.devices.farms.platforms import Platform
from edge_export.errors import RequestError, one_line

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "MODEL": ("=", "!=", "~"),
    "MANUFACTURER": ("=", "!="),
    "OS_VERSION": ("=", "!=", "<", "<=", ">", ">="),
    "FORM_FACTOR": ("=",),
    "AVAILABILITY": ("=",),
    "FLEET_TYPE": ("=",),
    "ARN": ("=", "!="),
    "INSTANCE_ARN": ("=", "!="),
    "INSTANCE_LABELS": ("~",),
}
"""The attributes of a rule, with the signs that AWS supports for each."""
_OPERATORS = {
    "=": "EQUALS",
    "!=": "NOT_IN",
    "~": "CONTAINS",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUALS",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUALS",
}
_RULE = re.compile(r"\s*(?P<attribute>[A-Za-z_]+)\s*(?P<sign>!=|<=|>=|=|~|<|>)\s*(?P<values>.+?)\s*")


def choose_devices(farm: Farm, pool: str, platform: Platform, project: str, most: int) -> dict[str, Any]:
    """Returns the part of ScheduleRun that chooses the devices.

    Args:
        pool: The ARN of a device pool, or rules that are separated by commas.
        most: The largest number of devices, for rules.

    Raises:
        RequestError: It is neither, or no device fits.
    """
    if pool.startswith("arn:"):
        arn = checked_arn(pool, "devicepool", "--pool")
        farm.call("get_device_pool", arn=arn)
        return {"devicePoolArn": arn}
    filters = [{"attribute": "PLATFORM", "operator": "EQUALS", "values": [platform.name]}, *parse_rules(pool)]
    if not farm.list_all("list_devices", "devices", Device, arn=project, filters=filters):
        raise RequestError(f"no device of the farm fits --pool {one_line(pool, 120)!r}: `aws devicefarm list-devices`")
    return {"deviceSelectionConfiguration": {"filters": filters, "maxDevices": most}}


def parse_rules(text: str) -> list[dict[str, Any]]:
    """Returns rules such as "OS_VERSION>=13,MODEL=Pixel 8|Pixel 9" as AWS's filters.

    Raises:
        RequestError: One of them is wrong. The message has all that are.
    """
    problems, filters = [], []
    for rule in text.split(","):
        match = _RULE.fullmatch(rule)
        attribute = match["attribute"].upper() if match else ""
        if match is None or match["sign"] not in ATTRIBUTES.get(attribute, ()):
            problems.append(one_line(rule, 60))
            continue
        values = [each.strip() for each in match["values"].split("|")]
        operator = _OPERATORS[match["sign"]]
        if len(values) > 1 and operator not in ("EQUALS", "NOT_IN"):
            problems.append(one_line(rule, 60))
        filters.append(
            {"attribute": attribute, "operator": "IN" if len(values) > 1 and operator == "EQUALS" else operator}
            | {"values": values}
        )
    if problems:
        known = ", ".join(f"{name} {' '.join(signs)}" for name, signs in ATTRIBUTES.items())
        raise RequestError(f"--pool takes an ARN or rules, not {'; '.join(problems)!r}: rules are {known}")
    return filters
