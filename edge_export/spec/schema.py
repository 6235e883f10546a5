"""JSON Schemas of records, for programs in other languages."""

from __future__ import annotations

import json

from edge_export.spec.fields import Record


def schema_text(record: type[Record]) -> str:
    """Returns the JSON Schema of `record` as the text of its file in `schemas/`."""
    return json.dumps(record.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"
