"""The schema of inference.json: exported, documented, every key described."""

import json
from pathlib import Path

import jsonschema

from splitplot.inference_schema import inference_schema
from splitplot.study.reference import reference

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_exported_schema_is_in_sync_and_a_schema():
    exported = REPOSITORY / "workflow/schemas/inference.schema.json"
    assert json.loads(exported.read_text(encoding="utf-8")) == inference_schema(), (
        "run: python -m splitplot.inference_schema --schema > workflow/schemas/inference.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(inference_schema())


def test_the_reference_in_the_docs_is_in_sync():
    text = (REPOSITORY / "docs/inference.md").read_text(encoding="utf-8")
    generated = text.split("<!-- generated: -->\n")[1]
    assert generated.strip() == reference(inference_schema(), "inference.json").strip(), (
        "replace what follows the marker by: python -m splitplot.inference_schema --reference"
    )


def test_every_key_is_described_and_no_other_is_allowed():
    schema = inference_schema()
    for definition in (schema, *schema["$defs"].values()):
        assert definition["additionalProperties"] is False
        for key, field in definition["properties"].items():
            assert field.get("description") or "$ref" in field, key
