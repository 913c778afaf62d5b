#!/usr/bin/env python3
"""The JSON Schemas of plugins/verifier/schemas say what the parsers say.

usage: verifier_schema_model.py PIPE SCHEMAS DOCUMENTS

Good documents (seeds of the fuzz targets) are changed in one place at a time: each member left out,
a member added to each object, each value replaced by some thirty others, each list emptied and its
first element doubled. A small validator of our own, which knows the words that these schemas use
and stops at any other, must agree with the parser on every one. Of interactions, whose hashes no
schema can say, what the schema refuses must be refused."""

import copy
import json
import os
import re
import subprocess
import sys

WORDS = {"$schema", "$id", "$defs", "title", "type", "properties", "required",
         "additionalProperties", "items", "minItems", "maxItems", "uniqueItems", "minLength",
         "maxLength", "pattern", "minimum", "maximum", "enum", "const", "oneOf", "anyOf", "$ref",
         "minProperties", "maxProperties", "description"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def is_type(value, name):
    if name == "integer":
        return not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    return isinstance(value, TYPES[name])


def object_valid(schema, value, root):
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    others = {} if others is True else others
    return (all(name in value for name in schema.get("required", [])) and
            schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
            and all(name in properties or others is not False for name in value)
            and all(valid(properties.get(name, others), item, root)
                    for name, item in value.items()))


def list_valid(schema, value, root):
    return (schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and
            (not schema.get("uniqueItems") or len({text(item) for item in value}) == len(value))
            and all(valid(schema.get("items", {}), item, root) for item in value))


def valid(schema, value, root):
    unknown = set(schema) - WORDS
    if unknown:
        raise ValueError(f"the model does not know {unknown}")
    if "$ref" in schema:
        return valid(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, root)
    if "type" in schema and not is_type(value, schema["type"]):
        return False
    if "const" in schema and text(schema["const"]) != text(value):
        return False
    if "enum" in schema and text(value) not in [text(item) for item in schema["enum"]]:
        return False
    if "anyOf" in schema and not any(valid(one, value, root) for one in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(valid(one, value, root) for one in schema["oneOf"]) != 1:
        return False
    if isinstance(value, dict) and not object_valid(schema, value, root):
        return False
    if isinstance(value, list) and not list_valid(schema, value, root):
        return False
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return False
        if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
            return False
    if is_type(value, "integer"):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


OTHERS = [None, True, False, 0, 1, 2, 7, 60, 1.5, -1, 255, 256, 3651, 9007199254740991,
          9007199254740992, "", "a", "A b", "a:b", ".a", "a\u0001", "x" * 65, "x" * 129, "x" * 1025,
          "x" * 8193, "1.5", "01.5", "-0.50", "1e3", "300.1", "00", "0", "11" * 32, "11" * 48,
          "11" * 64, "11" * 65, "AA" * 32, "sha256:" + "11" * 32, "sha256:" + "11" * 31,
          "2026-09-21T14:13:20Z", "2026-09-21T14:13:20.000Z", "2026-09-21T14:13:20.001Z",
          "2026-09-21T14:13:20+00:00", "2026-09-21", [], {}, ["a"], {"a": 1}, "A" * 43 + "=",
          "A" * 42 + "B=", "A" * 86 + "==", "A" * 85 + "B==", "warn", "deny", "snp", "mock",
          "sha256", "raw", "UpToDate", "Revoked", "request"]


def places(value, path=()):
    yield path, value
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, path + (key,))


def changed(document, path, change):
    """A copy in which change(container, key) was done at the path."""
    whole = {"": copy.deepcopy(document)}
    container, key = whole, ""
    for step in path:
        container, key = container[key], step
    change(container, key)
    return whole[""]


def changes(document, others=OTHERS):
    def replace(by):
        return lambda container, key: container.__setitem__(key, by)

    for path, value in places(document):
        if path and isinstance(path[-1], str):
            yield changed(document, path, lambda container, key: container.pop(key))
        if isinstance(value, dict):
            for name in ("unknown", "condition", "claim", "equals", "digest", "name"):
                yield changed(document, path,
                              lambda container, key, name=name: container[key].setdefault(name, 1))
        if isinstance(value, list) and value:
            yield changed(document, path,
                          lambda container, key: container[key].append(container[key][0]))
        for other in others if path else ():
            yield changed(document, path, replace(other))


def is_ours(kind, document):
    """Leaves out what no schema can say: two rules of one id, two claims of one name."""
    if kind == "policy":
        rules = document.get("rules")
        ids = [r.get("id") for r in rules if isinstance(r, dict)] if isinstance(rules, list) else []
        return len({text(i) for i in ids}) == len(ids)
    if kind == "claims":
        claims = document.get("claims")
        names = [c.get("name") for c in claims if isinstance(c, dict)] \
            if isinstance(claims, list) else []
        return len({text(n) for n in names}) == len(names)
    return True


def documents(kind, folder):
    """Of the seeds that were written; what a fuzzer found bears its hash as name."""
    for name in sorted(os.listdir(folder)):
        if re.fullmatch("[0-9a-f]{40}", name):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            for part in file.read().split(b"\0"):
                if part and f'lucid.attestation.{kind}/v1"'.encode() in part:
                    yield json.loads(part)


def main():
    pipe, schemas, corpus = sys.argv[1:]
    kinds = {"policy": "verifier_policy", "reference": "verifier_reference",
             "claims": "verifier_claims", "interaction": "verifier_claims"}
    print(f"1..{len(kinds)}")
    failed = False
    for number, (kind, folder) in enumerate(kinds.items(), 1):
        with open(os.path.join(schemas, f"{kind}.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        good = list(documents(kind, os.path.join(corpus, folder)))
        cases = good + [case for document in good for case in changes(document)
                        if is_ours(kind, case)]
        lines = "".join(f"{kind} {json.dumps(case)}\n" for case in cases)
        answers = subprocess.run([pipe], input=lines, capture_output=True, text=True, check=True,
                                 timeout=120).stdout.splitlines()
        wrong, accepted = [], 0
        for case, answer in zip(cases, answers, strict=True):
            says = valid(schema, case, schema)
            accepted += answer == "ok"
            if says != (answer == "ok") and not (kind == "interaction" and says):
                wrong.append((says, answer, text(case)))
        for says, answer, case in wrong[:8]:
            print(f"# schema {says}, parser {answer}: {case}")
        ok = good and not wrong and len(answers) == len(cases) and accepted >= len(good)
        failed = failed or not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {kind}: {len(cases)} documents, "
              f"{accepted} accepted, {len(wrong)} judged differently")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
