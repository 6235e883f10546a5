"""How AWS's filters choose devices."""

from __future__ import annotations

_FIELDS = {"PLATFORM": "platform", "MODEL": "model", "MANUFACTURER": "manufacturer", "OS_VERSION": "os", "ARN": "arn"}


def _number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


_FITS = {
    "EQUALS": lambda value, values: value == values[0],
    "IN": lambda value, values: value in values,
    "NOT_IN": lambda value, values: value not in values,
    "CONTAINS": lambda value, values: values[0] in value,
    "GREATER_THAN_OR_EQUALS": lambda value, values: _number(value) >= _number(values[0]),
    "LESS_THAN": lambda value, values: _number(value) < _number(values[0]),
}


def fits(device: dict, rule: dict) -> bool:
    return _FITS[rule["operator"]](device[_FIELDS[rule["attribute"]]], rule["values"])
