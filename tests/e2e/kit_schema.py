"""JSON Schema 2020-12, the part of it that http/api/openapi.json uses, and the OpenAPI document as
something to hold answers against. A keyword that is not known here is an error: nothing may be
passed over in silence.

Stricter than the standard in one way: an object with "properties" may have no other members unless
the schema says "additionalProperties": true, because what is answered must be documented."""

import json
import re

ANNOTATIONS = {"description", "examples", "default", "discriminator", "format", "title", "x-codes",
               "contentEncoding"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool)
    or isinstance(v, float) and v.is_integer(),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}


class Mismatch(Exception):
    pass


def same(a, b):
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Schemas:
    def __init__(self, document):
        self.document = document
        self.used = set()  # references that were followed

    def follow(self, value):
        while "$ref" in value:
            reference = value["$ref"]
            assert set(value) <= {"$ref", "description"}, f"more beside {reference}"
            assert reference.startswith("#/"), reference
            self.used.add(reference)
            value = self.document
            for part in reference[2:].split("/"):
                value = value[part.replace("~1", "/").replace("~0", "~")]
        return value

    def names(self, schema):
        """All members that an object schema knows, or None: any."""
        schema = self.follow(schema)
        if schema.get("additionalProperties") is True:
            return None
        names = set(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            more = self.names(part)
            if more is None:
                return None
            names |= more
        return names

    def check(self, schema, value, where="$", closed=True):
        schema = self.follow(schema)
        for keyword, rule in schema.items():
            if keyword in ANNOTATIONS:
                continue
            method = getattr(self, "on_" + keyword, None)
            assert method, f"kit_schema.py does not know {keyword}"
            method(rule, value, where)
        if closed and isinstance(value, dict) and ("properties" in schema or "allOf" in schema) \
                and "oneOf" not in schema:
            names = self.names(schema)
            if names is not None and set(value) - names:
                raise Mismatch(f"{where}: not described: {sorted(set(value) - names)}")

    def matches(self, schema, value, where):
        try:
            self.check(schema, value, where)
        except Mismatch:
            return False
        return True

    # Keywords. pylint: disable=invalid-name,missing-function-docstring

    def on_type(self, rule, value, where):
        kinds = rule if isinstance(rule, list) else [rule]
        if not any(TYPES[kind](value) for kind in kinds):
            raise Mismatch(f"{where}: {value!r} is no {rule}")

    def on_enum(self, rule, value, where):
        if not any(same(value, item) for item in rule):
            raise Mismatch(f"{where}: {value!r} is none of {rule}")

    def on_const(self, rule, value, where):
        self.on_enum([rule], value, where)

    def on_properties(self, rule, value, where):
        if isinstance(value, dict):
            for name, inner in rule.items():
                if name in value:
                    self.check(inner, value[name], f"{where}.{name}")

    def on_required(self, rule, value, where):
        if isinstance(value, dict) and set(rule) - set(value):
            raise Mismatch(f"{where}: lacks {sorted(set(rule) - set(value))}")

    def on_additionalProperties(self, rule, value, where):
        assert isinstance(rule, bool), "only true and false are known"

    def on_items(self, rule, value, where):
        if isinstance(value, list):
            for i, item in enumerate(value):
                self.check(rule, item, f"{where}[{i}]")

    def on_minItems(self, rule, value, where):
        if isinstance(value, list) and len(value) < rule:
            raise Mismatch(f"{where}: fewer than {rule} items")

    def on_maxItems(self, rule, value, where):
        if isinstance(value, list) and len(value) > rule:
            raise Mismatch(f"{where}: more than {rule} items")

    def on_pattern(self, rule, value, where):
        if isinstance(value, str) and not re.search(rule, value):
            raise Mismatch(f"{where}: {value!r} is not {rule}")

    def on_minLength(self, rule, value, where):
        if isinstance(value, str) and len(value) < rule:
            raise Mismatch(f"{where}: shorter than {rule}")

    def on_maxLength(self, rule, value, where):
        if isinstance(value, str) and len(value) > rule:
            raise Mismatch(f"{where}: longer than {rule}")

    def on_minimum(self, rule, value, where):
        if TYPES["number"](value) and value < rule:
            raise Mismatch(f"{where}: {value} is below {rule}")

    def on_maximum(self, rule, value, where):
        if TYPES["number"](value) and value > rule:
            raise Mismatch(f"{where}: {value} is above {rule}")

    def on_oneOf(self, rule, value, where):
        found = [i for i, part in enumerate(rule) if self.matches(part, value, where)]
        if len(found) != 1:
            reasons = []
            for part in rule:
                try:
                    self.check(part, value, where)
                except Mismatch as why:
                    reasons.append(str(why))
            raise Mismatch(f"{where}: {len(found)} of {len(rule)} fit: {'; '.join(reasons)}")

    def on_anyOf(self, rule, value, where):
        if not any(self.alternative(part, value, where) for part in rule):
            raise Mismatch(f"{where}: no alternative fits")

    def on_allOf(self, rule, value, where):
        for part in rule:
            self.check(part, value, where, closed=False)

    def alternative(self, part, value, where):
        try:
            self.check(part, value, where, closed=False)
        except Mismatch:
            return False
        return True


class OpenApi(Schemas):
    """The document; judge() holds one answer against it and remembers what it has seen."""

    # What HTTP itself brings; all other headers must be described.
    PLAIN = {"date", "content-length", "content-type", "connection", "transfer-encoding", "vary",
             "content-encoding", "access-control-allow-origin", "access-control-expose-headers"}

    def __init__(self, document):
        super().__init__(document)
        self.seen = set()
        self.templates = [
            (re.compile("".join(
                part if part[:1] != "{" else ".+" if part == "{path}" else "[^/]+"
                for part in re.split(r"(\{[^}]*\})", path)) + "$"), path)
            for path in sorted(document["paths"], key=lambda p: p.count("{"))]

    def operation(self, method, target):
        path = target.split("?")[0]
        for template, name in self.templates:
            if template.match(path):
                return name, self.document["paths"][name].get(method.lower())
        return None, None

    def judge(self, method, target, answer):
        """answer: status, headers (name, value in lower case) as .fields, body."""
        name, operation = self.operation(method, target)
        where = f"{method} {target} {answer.status}"
        assert operation, f"{where}: not described"
        responses = operation["responses"]
        key = str(answer.status) if str(answer.status) in responses else "default"
        assert key != "default" or answer.status >= 400, f"{where}: status not described"
        self.seen.add((method, name, key))
        response = self.follow(responses[key])
        self.judge_headers(response, answer, where)
        self.judge_body(response, answer, where)

    def judge_headers(self, response, answer, where):
        described = {n.lower(): self.follow(h) for n, h in response.get("headers", {}).items()}
        for name, header in described.items():
            value = answer.header(name)
            if value is None:
                assert not header.get("required"), f"{where}: header {name} is missing"
            else:
                self.check(header["schema"], value, f"{where}: header {name}")
        if answer.status >= 400:
            described.update({"retry-after": None, "allow": None})
        more = {name for name, _ in answer.fields} - set(described) - self.PLAIN
        assert not more, f"{where}: headers not described: {more}"

    def judge_body(self, response, answer, where):
        content = response.get("content")
        kind = answer.header("content-type")
        if content is None:
            assert not answer.body and kind is None, f"{where}: a body that is not described"
            return
        assert kind in content, f"{where}: {kind} is not described"
        media = content[kind]
        assert not set(media) - {"schema", "x-lines", "examples"}, media.keys()
        if "schema" not in media:
            return
        text = answer.body
        if media.get("x-lines"):
            for line in text.splitlines():
                self.check(media["schema"], json.loads(line), where)
        elif "json" in kind:
            self.check(media["schema"], json.loads(text), where)
        elif kind == "text/event-stream":
            events = re.findall(r"^data: ?(.*)$", text.decode(), re.M)
            for line in events:
                self.check({"$ref": "#/components/schemas/Event"}, json.loads(line), where)
        else:
            coding = "utf-8" if kind.startswith("text/") else "latin-1"
            self.check(media["schema"], text.decode(coding), where)
