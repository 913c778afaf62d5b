#!/usr/bin/env python3
"""A bundle of an appraisal (lucid verifier bundle ID), checked with nothing but Python's standard
library and check_access.py beside this file: no service and none of the ledger's own programs. The
steps are those of docs/VERIFIER.md, "By hand". That the verdict follows from the evidence is not
among them: `lucid verifier replay` appraises again.

usage: check_bundle.py BUNDLE VKEY [KEY...]
VKEY: the log's verifier key, or a file with it; KEY: a key of the verifier that is believed, 64 hex
digits. Exit code: 0 all is well, 1 something is wrong, 4 well, but the key is not among KEY."""

import base64
import hashlib
import json
import os
import sys

from check_access import Refused, keys_of, unbase64url, verify


def sha256(data):
    return hashlib.sha256(data).digest()


class Wrong(Exception):
    """What is not as it must be."""


def must(condition, what):
    if not condition:
        raise Wrong(what)


# --- JSON ---------------------------------------------------------------------------------------


def unique(pairs):
    must(len({name for name, _ in pairs}) == len(pairs), "a member twice")
    return dict(pairs)


def parse(text):
    return json.loads(text, object_pairs_hook=unique)


def canonical(value):
    """RFC 8785; records hold no fractions. Names are ordered by UTF-16, here all of them ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- the bundle ---------------------------------------------------------------------------------


def named(record):
    """The digests of everything that a record was made from."""
    if record["type"] == "attestation.claims":
        found = [document["document"] for document in record["documents"]] + [record["policy"]]
        return found + list(record.get("hardware", {}).values())
    found = [record["runtimeData"], record["policy"], *record["references"]]
    found += [item["digest"] for item in record["collateral"]]
    for evidence in record["evidences"]:
        found += [evidence["evidence"], *evidence["endorsements"]]
        found += [evidence["eventLog"]] if "eventLog" in evidence else []
    return found


def check_blobs(bundle):
    blobs = {name: base64.b64decode(text, validate=True) for name, text in bundle["blobs"].items()}
    for name, data in blobs.items():
        must("sha256:" + sha256(data).hex() == name, f"blob {name} is something else")
    must(set(named(bundle["record"])) == set(blobs), "the blobs are not what the record names")
    named_sets = bundle["record"].get("references")
    policy = parse(blobs[bundle["record"]["policy"]])
    must(named_sets is None or policy.get("references", []) == named_sets,
         "the reference sets are not those that the policy names")


def check_token(bundle):
    """The key that signed the result, whose claims are those that the record names."""
    record, token = bundle["record"], bundle["ear"]
    must("sha256:" + sha256(token.encode()).hex() == record["ear"], "another token")
    header, claims, signature = token.split(".")
    key = keys_of(bundle["keys"])[parse(unbase64url(header))["kid"]]
    must(verify(key, f"{header}.{claims}".encode(), unbase64url(signature)), "its signature")
    said, digest = parse(unbase64url(claims)), "sha256:" + sha256(unbase64url(claims)).hex()
    if said["eat_profile"] == "tag:github.com,2023:veraison/ear":
        print("the token has the older names: its claims were not compared with the record's")
    else:
        must(digest == record["result" if "result" in record else "claims"], "other claims")
        must(said["ear_status"] == record["status"], "another status")
    return key


def check_proof(bundle, key, vkey):
    """The record stands in the log of vkey."""
    record, proof = sha256(canonical(bundle["record"])), bundle["proof"]
    entry = bytes.fromhex(proof["entry"])
    must(entry[:64] == record + sha256(key), "an entry of another record, or by another key")
    must(verify(key, b"lucid/entry/v1\n" + record, entry[64:]), "the entry's signature")

    note, signatures = proof["checkpoint"].split("\n\n")
    origin, size, root = note.split("\n")[:3]
    name, key_id, public = vkey.split("+", 2)
    public = base64.b64decode(public)
    must(public[0] == 1 and sha256(name.encode() + b"\n" + public)[:4].hex() == key_id, "VKEY")
    lines = [base64.b64decode(line.split(" ")[2]) for line in signatures.splitlines()
             if line.startswith(f"\u2014 {name} ")]
    must(origin == name and any(line[:4].hex() == key_id and
                                verify(public[1:], (note + "\n").encode(), line[4:])
                                for line in lines), "the checkpoint's signature")

    at, last, value = proof["leaf_index"], int(size) - 1, sha256(b"\x00" + entry)
    must(0 <= at <= last, "a leaf beyond the tree")
    for part in map(bytes.fromhex, proof["path"]):  # RFC 9162 2.1.3.2
        must(last > 0, "a path that is too long")
        if at & 1 or at == last:
            value = sha256(b"\x01" + part + value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + part)
        at, last = at >> 1, last >> 1
    must(last == 0 and value == base64.b64decode(root), "the path leads to another root")
    return int(size)


def main(path, vkey, *believed):
    with open(path, encoding="utf-8") as file:
        bundle = parse(file.read())
    if os.path.exists(vkey):
        with open(vkey, encoding="utf-8") as file:
            vkey = file.read()
    must(bundle["type"] == "lucid.attestation.bundle/v1", "no bundle")
    check_blobs(bundle)
    key = check_token(bundle)
    size = check_proof(bundle, key, vkey.strip())
    record = bundle["record"]
    print("record    ", sha256(canonical(record)).hex())
    print("log       ", vkey.split("+", 1)[0], "of", size, "entries")
    print("result    ", record["status"], "(mock)" if record["mock"] else "",
          "(test)" if record["test"] else "")
    print("signed by ", key.hex(), "" if key.hex() in believed else "(not among those believed)")
    return 0 if key.hex() in believed else 4


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (Wrong, Refused, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        print(f"wrong: {error!r}", file=sys.stderr)
        sys.exit(1)
