"""Which of the phones that a tool knows is meant: the one that is named, or else the only one that can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_export.errors import RequestError, one_line


@dataclass(frozen=True)
class Wording:
    """What messages say.

    Attributes:
        known: How the tool knows a phone, such as "attached".
        where: What follows that word: empty, or such as " with that Mac".
        none: The whole message if it knows none.
    """

    known: str
    where: str
    none: str


def choose_one[P](phones: Mapping[str, P], wanted: str, is_usable: Callable[[P], bool], wording: Wording) -> P:
    """Returns the phone called `wanted`; if that is empty, the only one, or the only one that can be used.

    Args:
        phones: By the name that `--device` has for each.

    Raises:
        RequestError: There is none, or there are several. The message says what to do.
    """
    matching = {name: phone for name, phone in phones.items() if wanted in ("", name)}
    if not matching and wanted:
        names = ", ".join(phones) or "none"
        known = f"{wording.known}{wording.where}; {wording.known}: {names}"
        raise RequestError(f"no phone {one_line(wanted, 120)} is {known}")
    if not matching:
        raise RequestError(wording.none)
    if len(matching) > 1:
        usable = {name: phone for name, phone in matching.items() if is_usable(phone)}
        if len(usable) != 1:
            names = " or ".join(usable or matching)
            raise RequestError(f"{len(matching)} phones are {wording.known}{wording.where}: say which one, {names}")
        matching = usable
    (phone,) = matching.values()
    return phone
