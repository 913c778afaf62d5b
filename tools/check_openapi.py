#!/usr/bin/env python3
"""http/api/openapi.json lists exactly the error codes that the code can answer with, each with its
statuses, and has the one form (tools/openapi.py).

usage: check_openapi.py [ROOT] | --self-test

Codes come from: the table in http/api/codes.c; `STATUS, "CODE"` in http/; and lucid_refuse in
ledger/ and gas/, whose codes must be in the table unless INSIDE says that they never reach an
answer; and x402/, which says some of them.
docs/API.md must name every code, too."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "check"))
import openapi  # noqa: E402
import selftest  # noqa: E402

# Codes that end a program before it serves, or that only the offline tools show.
INSIDE = {
    "CHECK",
    "CHECKPOINT_MALFORMED",
    "CHECKPOINT_ORIGIN",
    "COSIGNATURE_MALFORMED",
    "COSIGNATURE_UNKNOWN",
    "DAMAGED",
    "EVENT_MALFORMED",
    "EVENT_NEWER",
    "EVENT_UNVERIFIED",
    "DAMAGED",
    "FOLD_FAILED",
    "HEAD_UNKNOWN",
    "INVALID_CONFIG",
    "INVALID_KEY",
    "INVALID_MEMBER",
    "INVALID_ORIGIN",
    "INVALID_STATEMENT",
    "KEY_ID_MISMATCH",
    "KEY_MALFORMED",
    "KEY_TYPE_UNKNOWN",
    "LISTEN_FAILED",
    "LOG_EXISTS",
    "LOG_UNKNOWN",
    "NAME_INVALID",
    "NOTE_MALFORMED",
    "NOTE_TOO_LARGE",
    "NOTE_UNVERIFIED",
    "NO_LOG",
    "NO_MEMORY",
    "NO_POLICY",
    "OPENAPI_CONFLICT",
    "PLUGIN_CONFLICT",
    "PLUGIN_INVALID",
    "POLICY_MALFORMED",
    "POLICY_TOO_LARGE",
    "PROOF_MALFORMED",
    "REQUEST_MALFORMED",
    "REQUEST_TOO_LARGE",
    "STORE",
    "STORE_NEWER",
    "STORE_NOT_MIGRATED",
    "TILE_MISMATCH",
    "TIME_INVALID",
    "WRONG_KEY",
}
OTHER_WORDS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "RFC9162_SHA256"}
DOCUMENT = "http/api/openapi.json"
TABLE = "http/api/codes.c"
WORD = r'"([A-Z][A-Z0-9_]{2,})"'


def sources(root, folder):
    for base, folders, files in os.walk(os.path.join(root, folder)):
        folders[:] = [f for f in folders if not (folder == "ledger" and f == "store")]
        for name in sorted(files):
            if name.endswith(".c"):
                path = os.path.relpath(os.path.join(base, name), root)
                with open(os.path.join(base, name), encoding="utf-8") as file:
                    yield path, file.read()


def emitted(root):
    """{code: {statuses}}, and findings."""
    codes, said, findings = {}, set(), []
    for path, text in sources(root, "http"):
        for status, code in re.findall(r"\b([1-5]\d\d),\s*" + WORD, text):
            if int(status) >= 400:
                codes.setdefault(code, set()).add(int(status))
                said.add(code)
        if path == TABLE:
            said.update(re.findall(r"code = " + WORD, text))
            for code, status in re.findall(r"\{" + WORD + r",\s*(\d+)\}", text):
                codes.setdefault(code, set()).add(int(status))
        else:
            said.update(re.findall(WORD, text))
    findings += [f"{code}: http/ uses it, {TABLE} lacks it"
                 for code in sorted(said - set(codes) - INSIDE - OTHER_WORDS)]
    for path, text in [*sources(root, "ledger"), *sources(root, "gas")]:
        said.update(set(re.findall(WORD, text)) & set(codes))
        for code in re.findall(r"lucid_refuse\([^;]*?" + WORD, text):
            said.add(code)
            if code not in codes and code not in INSIDE:
                findings.append(f"{code}: {path} refuses with it: put it into {TABLE} and "
                                f"{DOCUMENT}, or, if no answer bears it, into INSIDE here")
    for _, text in [*sources(root, "x402"), *sources(root, os.path.join("plugins", "host"))]:
        said.update(set(re.findall(WORD, text)) & set(codes))
    findings += [f"{code}: {TABLE} has it, nothing says it" for code in sorted(set(codes) - said)]
    return codes, findings


def check(root):
    path = os.path.join(root, DOCUMENT)
    document = openapi.read(path)
    codes, findings = emitted(root)
    schema = document["components"]["schemas"]["ErrorCode"]
    listed = {code: set(about["statuses"]) for code, about in schema["x-codes"].items()}
    if schema["enum"] != list(schema["x-codes"]):
        findings.append(f"{DOCUMENT}: ErrorCode: enum and x-codes differ")
    for code in sorted(set(codes) | set(listed)):
        if codes.get(code) != listed.get(code):
            findings.append(f"{code}: the code says {sorted(codes.get(code, []))}, {DOCUMENT} "
                            f"{sorted(listed.get(code, []))}")
    with open(os.path.join(root, "docs/API.md"), encoding="utf-8") as file:
        page = file.read()
    findings += [f"{code}: docs/API.md does not name it" for code in sorted(codes)
                 if f"`{code}`" not in page]
    with open(path, encoding="utf-8") as file:
        if file.read() != openapi.formatted(path):
            findings.append(f"{DOCUMENT}: form (tools/openapi.py format {DOCUMENT})")
    return findings


def cases():
    def tree(listed=("A_CODE",), page="`A_CODE` `B_CODE`\n", form=openapi.pretty, **sources_more):
        about = {code: {"statuses": [404]} for code in listed}
        document = {"components": {"schemas": {"ErrorCode": {"enum": list(listed),
                                                             "x-codes": about}}}}
        return {
            TABLE: 'x = {{"A_CODE", 404}};\n',
            "http/a.c": 'problem(r, 404, "A_CODE");\n',
            "docs/API.md": page,
            DOCUMENT: form(document) + "\n",
            **{name.replace("__", "/") + ".c": text for name, text in sources_more.items()},
        }

    return [
        ("equal", tree(), None),
        ("another status", tree(http__b='problem(r, 403, "A_CODE");\n'), "says [403, 404]"),
        ("not in the document", tree(http__b='problem(r, 400, "B_CODE");\n'),
         "B_CODE: the code says [400]"),
        ("only in the document", tree(listed=("A_CODE", "B_CODE")), "B_CODE: the code says []"),
        ("by a variable", tree(http__b='code = "B_CODE";\n'), "B_CODE: http/ uses it"),
        ("by a kind", tree(ledger__k='lucid_refuse(why, LUCID_X, "B_CODE", NULL, "x");\n'),
         "B_CODE: ledger/k.c"),
        ("by a kind of gas", tree(gas__k='lucid_refuse(w, LUCID_X, "B_CODE", NULL, "x");\n'),
         "B_CODE: gas/k.c"),
        ("inside", tree(ledger__k='lucid_refuse(why, LUCID_X, "NO_MEMORY", NULL, "x");\n'), None),
        ("nobody says it", tree(http__a=""), "A_CODE: http/api/codes.c has it"),
        ("not on the page", tree(page="\n"), "docs/API.md does not name"),
        ("form", tree(form=openapi.text), "form"),
    ]


def main(arguments):
    if arguments == ["--self-test"]:
        return selftest.run(check, cases())
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..")
    findings = check(os.path.abspath(root))
    print("\n".join(findings) if findings else "openapi: ok")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
