#!/usr/bin/env python3
"""The JSON Schema of passports says what their parser says.

usage: passport_schema_model.py PIPE SCHEMA DOCUMENT…

As tests/unit/verifier/verifier_schema_model.py, whose validator this uses: documents changed in one
place at a time, on each of which both must agree. What no schema can say is left out here, by rules
of our own: the order of dates, days that do not exist, which appraisal comes first."""

import datetime
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "verifier"))
import verifier_schema_model as model  # noqa: E402

LABEL = "a" * 63
OTHERS = [
    *model.OTHERS, 3, 4, 5, 4.0, 0.5, 4294967295, 4294967296, "x" * 64, "x" * 128, "x" * 200,
    "x" * 201, "x" * 255, "x" * 256, "\u20ac" * 200, "\u20ac" * 201, "\U0001f600" * 200,
    "\U0001f600" * 201, "a\u0000", "a\n", "\u007f", "\u0085", "AMD_SEV_SNP", "SEV-SNP", "TDX",
    "tdx", "MOCK", "active", "failed", "bound", "declared", "affirming", "none", "Ed25519",
    "ed25519", "EdDSA", "AAAA", "AAA=", "AA==", "AB==", "AAB=", "A", "AAAA=", "====", "AA-_",
    "AAAA AAAA", "pass-" + "a" * 12, "pass-" + "a" * 11, "pass-" + "z9" * 32, "pass-" + "a" * 65,
    "pass-" + "A" * 12, "Pass-" + "a" * 12, "a" * 63, "a" * 64, "a-1", "a_b", "abcd" * 512,
    "ab" * 1025, "abc", "2026-09-31T00:00:00Z", "2026-09-30T24:00:00Z", "1969-12-31T23:59:59Z",
    "2026-09-21t14:13:20Z", "2026-09-22T14:13:60Z", "https://a.example", "https://a.example/",
    "https://a.example:8443", "https://a.example:443", "https://a.example:0443",
    "https://a.example:65535", "https://a.example:65536", "https://a.example:99999",
    "https://a.example:123456", "https://a.example:0", "https://a.example:", "https://a.example:x",
    "https://A.example", "https://a..example", "https://.example", "https://-a.example",
    "https://a-.example", "https://a.example.", f"https://{LABEL}.example",
    f"https://a{LABEL}.example", "https://", "https:///p", "https:a.example", "https://a_b.example",
    "https://[::1]", "https://[::1]:8443", "https://[:]", "https://[]", "https://[::1",
    "https://[F::]",
    "https://[" + "a" * 46 + "]", "https://[1::2]x", "https://u@a.example",
    "https://u:p@a.example/",
    "https://a.example@b.example/", "https://a.example/p?q=1#f", "https://a.example?q",
    "https://a.example#f", "https://a.example/a b", "https://a.example/\"", "https://a.example/<s>",
    "https://a.example/\\", "https://a.example\\@b.example", "https://a.example/\u00e9",
    "https://a.example/%C3%A9", "https://a.example/" + "a" * 2030,
    "https://a.example/" + "a" * 2031,
    "https://" + "a." * 129 + "a", "https://" + "a." * 130 + "a", "https://a.example/`{|}^",
    "https://a.example/[]~!$&'()*+,;=:@-._", "HTTPS://a.example", " https://a.example",
    "http://a.example", "http://localhost", "http://localhost:8402", "http://localhost:80",
    "http://localhost/p", "http://localhostx/", "http://127.0.0.1:8402/v1/x", "http://127.0.0.2/",
    "http://[::1]:8402", "http://[::1]:8402/p", "http://127.0.0.1.evil.example/",
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example/p", "/", "/p",
    "/\\evil", "/p q", "/p?q#f", "vbscript:x", "blob:https://a.example/1", "ftp://a.example/",
    {"name": 1}, {"name": "m"}, {"uri": "/p"}, {"digest": "sha256:" + "22" * 32},
    {f"n{i}": "sha256:" + "22" * 32 for i in range(8)},
    {f"n{i}": "sha256:" + "22" * 32 for i in range(9)}, ["https://a.example"] * 16,
    ["https://a.example"] * 17, ["11" * 32] * 16, ["11" * 32] * 17,
    [{"id": "a", "name": "b", "status": "active"}] * 64,
    [{"id": "a", "name": "b", "status": "active"}] * 65,
]


def time_of(text):
    """Seconds; None: no such day."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(
            tzinfo=datetime.timezone.utc).timestamp()
    except (ValueError, TypeError):
        return None


def is_ours(document):
    issued, expires = (time_of(document.get(name)) for name in ("issuedAt", "expiresAt"))
    if issued is not None and expires is not None and not 0 < expires - issued <= 398 * 86400:
        return False
    renew = time_of(document.get("renewAfter"))
    if None not in (renew, issued, expires) and not issued <= renew <= expires:
        return False
    tee, ids = document.get("tee"), document.get("appraisals")
    appraisal = tee.get("appraisal") if isinstance(tee, dict) else None
    if isinstance(appraisal, dict) and isinstance(ids, list) and ids and \
            ids[0] != appraisal.get("id"):
        return False
    return True


def main():
    pipe, schema_path, *documents = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    print(f"1..{len(documents)}")
    failed = False
    for number, path in enumerate(documents, 1):
        with open(path, encoding="utf-8") as file:
            good = json.load(file)
        cases = [good] + [case for case in model.changes(good, OTHERS) if is_ours(case)]
        lines = "".join(f"{json.dumps(case)}\n" for case in cases)
        answers = subprocess.run([pipe], input=lines, capture_output=True, text=True, check=True,
                                 timeout=240).stdout.splitlines()
        wrong, accepted = [], 0
        for case, answer in zip(cases, answers, strict=True):
            says = model.valid(schema, case, schema)
            accepted += answer == "ok"
            if says != (answer == "ok"):
                wrong.append((says, answer, model.text(case)))
        for says, answer, case in wrong[:8]:
            print(f"# schema {says}, parser {answer}: {case}")
        ok = not wrong and answers[0] == "ok" and accepted < len(cases)
        failed = failed or not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {os.path.basename(path)}: {len(cases)} "
              f"documents, {accepted} accepted, {len(wrong)} judged differently")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
