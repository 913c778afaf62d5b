#!/usr/bin/env python3
"""The JSON Schema of applications says what the parser of the YAML says.

usage: passport_application_model.py PIPE SCHEMA FOLDER

Good documents are changed in one place at a time, as in verifier_schema_model.py (FOLDER), and
written as JSON, which is YAML. What no schema can say is left to the parser: that two auditors or
builders share no id, that a key is one, and how many bytes a text has."""

import json
import subprocess
import sys

sys.path.insert(0, sys.argv[3])
import verifier_schema_model as model  # noqa: E402  pylint: disable=wrong-import-position

DIGEST = "sha256:" + "ab" * 32
KEY = "GX9rI+FshTLGq8g4+s1epd1XmUB8y1t4Ri5/GZRzHbM="

model.OTHERS += [
    "my-app", "-a", "a-", "A", "a" * 63, "a" * 64, "é" * 200, "é" * 201, "x" * 200, "x" * 255,
    "x" * 256, "x" * 2048, "x" * 2049, 4, 5, 30, 398, 399, 366 * 86400, 366 * 86400 + 1,
    "0123456789abcdef", "0123456789ABCDEF", "https://a.example", "https://A.example",
    "https://a.example/", "https://a.example:443", "https://a.example:8443",
    "https://a.example:65535", "https://a.example:65536", "https://a.example:0",
    "https://a.example:08", "https://a..b", "https://-a", "https://" + "a" * 63,
    "https://" + "a" * 64, "https://[::1]:1", "https://[:]", "https://[::1", "http://localhost",
    "http://localhost:80", "http://localhost:81", "http://127.0.0.1:8402", "http://127.0.0.2",
    "http://[::1]:8402", "http://a.example", "https://user@a.example", "https://a.example?x#y",
    "https://a.example/<b>", "https://a.example/a b", "javascript:alert(1)", "data:text/html,x",
    "/a/b.css?x=1#y", "//a.example", "/", "/..", "/a/..", "/a/../b", "/a/..b", "/a?/..#", "/%2e",
    "git+https://h/org*", "*", "git+https://h/org/app@*", "https://h@*", "git@h:o/a@*",
    "https://*", "a*b", "/@*", "a/b@*", "/a'b", "/a\"b", "/$a", "/é",
    "a\u202eb", "\u2066a", "a\u061c", "a\u200f",
    "a\u200db", "top", "bottom", "top-left",
    "bottom-right", "banner", "floating", "page_only", "browser_extension", "headers_only", "auto",
    "light", "dark"]

FULL = {
    "apiVersion": "lucid.io/v1alpha1", "kind": "LucidEnvironment",
    "metadata": {"name": "my-app", "labels": {"a.b/c": "d"}},
    "spec": {"agents": [{"name": "x"}], "passport": {
        "appName": "My App", "version": "1.0.0",
        "endpoints": ["https://app.example", "http://127.0.0.1:8402"], "validityDays": 30,
        "minSlsaLevel": 2, "policy": DIGEST, "maxAppraisalAgeSeconds": 3600,
        "tokens": ["0123456789abcdef"], "audience": "https://me.example",
        "evidence": {"teeAttestation": True, "auditorClaims": True, "routingProofs": False,
                     "containerInfo": True, "slsaProvenance": True, "modelFingerprint": False},
        "container": {"digest": DIGEST, "registry": "registry.example/app"},
        "auditors": [{"id": "pii", "name": "PII", "digest": DIGEST}, {"id": "b", "name": "B"}],
        "model": {"name": "llama", "digest": DIGEST}, "provenanceUri": "https://a.example/p",
        "builders": [{"id": "https://builder.example", "keys": [KEY], "isolated": True,
                      "sources": ["git+https://a.example/*"], "buildTypes": ["https://t.example"]}],
        "display": {"mode": "floating", "position": "top-left", "theme": "dark",
                    "collapsedDefault": True, "customCssUrl": "/a.css",
                    "passportPageLogoUrl": "https://a.example/l.svg",
                    "enableBrowserExtensionPrompt": False}}}}


def shown(**display):
    return {"metadata": {"name": "a"}, "spec": {"passport": {"appName": "A", "display": display}}}


GOOD = [FULL, shown(), shown(position="bottom"), shown(mode="banner", position="top"),
        shown(mode="page_only", theme="light"), shown(mode="headers_only", customCssUrl="/x")]


def items(case, name):
    found = case.get("spec") if isinstance(case, dict) else None
    found = found.get("passport") if isinstance(found, dict) else None
    found = found.get(name) if isinstance(found, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def parser_is_stricter(case):
    if "é" * 128 in json.dumps(case, ensure_ascii=False):
        return True
    for name in ("auditors", "builders"):
        ids = [model.text(item.get("id")) for item in items(case, name)]
        if len(set(ids)) != len(ids):
            return True
    return any(builder.get("keys") != [KEY] for builder in items(case, "builders"))


def main():
    pipe, path = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    cases = GOOD + [case for document in GOOD for case in model.changes(document)]
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    answers = subprocess.run([pipe], input=lines.encode(), capture_output=True, check=True,
                             timeout=120).stdout.decode().splitlines()
    wrong, accepted = [], 0
    for case, answer in zip(cases, answers, strict=True):
        says = model.valid(schema, case, schema)
        accepted += answer == "ok"
        if says != (answer == "ok") and not (says and parser_is_stricter(case)):
            wrong.append((says, answer, model.text(case)[:400]))
    for says, answer, case in wrong[:8]:
        print(f"# schema {says}, parser {answer}: {case}")
    good = all(answer == "ok" for answer in answers[:len(GOOD)])
    ok = good and not wrong and accepted > len(GOOD)
    print(f"1..1\n{'ok' if ok else 'not ok'} 1 - {len(cases)} documents, {accepted} accepted, "
          f"{len(wrong)} judged differently")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
