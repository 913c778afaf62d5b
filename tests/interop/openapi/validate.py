"""Judges the document, and spoiled copies of it, which must not pass."""

import copy
import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


def examples(document):
    """(name, example) of every named schema."""
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            yield name, example


def faults(document):
    """By the specification's meta-schema, which says little about schemas; by that of JSON Schema;
    and whether the examples fit."""
    found = [("/".join(map(str, error.path)), error.message)
             for error in OpenAPIV31SpecValidator(document).iter_errors()]
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    for name, schema in document["components"]["schemas"].items():
        found += [(name, error.message) for error in meta.iter_errors(schema)]
    if not found:
        for name, example in examples(document):
            judge = Draft202012Validator({"$ref": f"#/components/schemas/{name}",
                                          "components": document["components"]})
            found += [(f"example of {name}", error.message)
                      for error in judge.iter_errors(example)]
    return [f"{where}: {message[:200]}" for where, message in found]


with open(sys.argv[1], encoding="utf-8") as file:
    good = json.load(file)
found = faults(good)
for fault in found[:20]:
    print(fault)

spoilers = {
    "no title": lambda d: d["info"].pop("title"),
    "a path without its slash": lambda d: d["paths"].update(x=d["paths"].pop("/v1/log")),
    "a response without description":
        lambda d: d["components"]["responses"]["NotFound"].pop("description"),
    "a parameter nowhere": lambda d: d["components"]["parameters"]["limit"].update({"in": "body"}),
    "a type that is none": lambda d: d["components"]["schemas"]["Health"].update(type="struct"),
    "an example that does not fit":
        lambda d: d["components"]["schemas"]["Placement"]["examples"][0].update(epoch="0"),
    "a path parameter that is not declared":
        lambda d: d["paths"].update({"/v2/{x}": d["paths"]["/v1/log"]}),
}
passed = []
for name, spoil in spoilers.items():
    bad = copy.deepcopy(good)
    spoil(bad)
    if not faults(bad):
        passed.append(name)
if passed:
    print(f"the validator let pass: {passed}")
if found or passed:
    sys.exit(1)
count = sum(len(item) for item in good["paths"].values())
print(f"OpenAPI 3.1: {count} operations valid, {len(list(examples(good)))} examples fit, "
      f"{len(spoilers)} spoiled documents refused")
