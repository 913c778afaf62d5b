#!/usr/bin/env python3
"""The pages for those who look for passports (examples/passport/conformance), judged by a reading
of their README that shares nothing with its discover.js, which a browser runs in
tests/interop/passport_page. And their documents: signed, of the right form, mock."""

import base64
import hashlib
import html.parser
import json
import os
import re
import urllib.parse

import kit
import kit_passport
from kit import case, equal
from kit_receipts import canonical

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples",
                      "passport", "conformance")
IN_HEAD = {"html", "head", "meta", "link", "base", "title", "script", "style", "noscript",
           "template"}
CLOSED = ("template", "title", "noscript")  # what stands inside is no part of the head
SPACES = "\t\n\f\r "


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


class Ended(Exception):
    pass


class Forms(html.parser.HTMLParser):
    """What a page's head announces."""

    def __init__(self, text):
        super().__init__()
        self.head, self.inside, self.script = True, None, False
        self.base, self.addresses, self.summaries = None, [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in reversed(attrs)}  # the first one counts
        if self.inside:
            return
        self.head = self.head and tag in IN_HEAD
        if not self.head:
            return
        self.inside = tag if tag in CLOSED else None
        self.script = tag == "script" and found.get("type", "").lower() == kit_passport.MEDIA
        if tag == "base" and "href" in found and self.base is None:
            self.base = found["href"]
        words = re.split(f"[{SPACES}]+", found.get("rel", "").lower())
        if tag == "link" and "ai-passport" in words:
            self.addresses.append(found.get("href", ""))
        if tag == "meta" and found.get("name", "").lower() == "lucid-passport":
            self.addresses.append(found.get("content", ""))

    def handle_endtag(self, tag):
        self.inside = None if tag == self.inside else self.inside
        self.head = self.head and tag != "head"
        self.script = False

    def handle_data(self, data):
        if self.script:
            summary = object_of(data)
            self.summaries += [summary] if summary else []
        elif data.strip(SPACES) and not self.inside and self.lasttag not in ("script", "style"):
            self.head = False


def object_of(text):
    try:
        value = json.loads(text, object_pairs_hook=kit.unique)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def header_of(text):
    """The strings and byte sequences of a structured dictionary; {} if it is none."""
    members = {}
    for part in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', text):
        match = re.fullmatch(r'\s*([a-z][a-z0-9_-]*)(?:=("[^"]*"|:[A-Za-z0-9+/=]*:|[0-9]+))?'
                             r'(?:;[a-z]=[0-9]+)*\s*', part)
        if not match:
            return {}
        members[match.group(1)] = (match.group(2) or "?1").strip('":')
    return members


def origin_of(url):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def address_of(text, base):
    """As a browser reads an address: spaces around and line ends are dropped, \\ is /."""
    clean = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(0x21)))))
    url = urllib.parse.urljoin(base, clean.replace("\\", "/"))
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" or "@" in parts.netloc or not parts.netloc:
        raise Ended("refused")
    return url


def answer_of(serves, url):
    """(status, address in the end, text)"""
    there = serves.get(url, {"status": 404})
    if isinstance(there, str):
        return 200, url, read(there)
    if "redirect" in there:
        return answer_of(serves, there["redirect"])
    text = there.get("text", "x" * there.get("bytes", 0))
    return there.get("status", 200), url, text


def passport_at(url, site, serves):
    status, final, text = answer_of(serves, url)
    if origin_of(final) != origin_of(url):
        raise Ended("refused")
    if status == 410:
        raise Ended("revoked")
    passport = object_of(text) if status == 200 and len(text.encode()) <= 256 * 1024 else None
    endpoints = passport.get("endpoints", []) if passport else []
    if not {site, origin_of(url)} <= set(endpoints):
        raise Ended("refused")
    return passport


def discover(one, site):
    page = f"{site}/{one['page']}"
    forms, header = Forms(read(one["page"])), header_of(one.get("header", ""))
    serves = one["serves"]
    base = urllib.parse.urljoin(page, forms.base or "")
    urls = [address_of(header["url"], page)] if "url" in header else []
    urls += [address_of(text, base) for text in forms.addresses]
    urls += [address_of(found["url"], page) for found in forms.summaries if "url" in found]
    if not urls and answer_of(serves, f"{site}/.lucid/passport")[0] == 404:
        raise Ended("hint" if forms.summaries else "none")
    urls = urls or [f"{site}/.lucid/passport"]
    passports = [passport_at(url, site, serves) for url in urls]
    ids = {passport["passportId"] for passport in passports}
    ids |= {header["id"]} if "id" in header else set()
    ids |= {found["passportId"] for found in forms.summaries if "passportId" in found}
    digest = base64.b64encode(hashlib.sha256(canonical(passports[0])).digest()).decode()
    if len(ids) > 1 or header.get("digest", digest) != digest:
        raise Ended("conflict")
    return urls[0]


EXPECTED = json.loads(read("expected.json"), object_pairs_hook=kit.unique)
CASES = EXPECTED["cases"]

with case("each page has its case, each file its page"):
    pages = sorted(name for name in os.listdir(FOLDER) if name.endswith(".html"))
    equal(sorted(one["page"] for one in CASES), pages)
    equal({one["outcome"] for one in CASES},
          {"found", "none", "hint", "conflict", "refused", "revoked"})
    served = {there for one in CASES for there in one["serves"].values() if isinstance(there, str)}
    equal(served, {"passport.json", "other.json", "foreign.json"})

with case(f"all {len(CASES)} pages come to what they must"):
    for one in CASES:
        try:
            got = ("found", discover(one, EXPECTED["site"]))
        except Ended as ended:
            got = (str(ended), None)
        equal(got, (one["outcome"], one.get("url")), one["page"])

with case("their documents are passports, of mock, signed by the key that stands there"):
    keys = kit_passport.jwks_keys(json.loads(read("jwks.json")))
    at = str(kit_passport.seconds(EXPECTED["at"]))
    for name in ("passport.json", "other.json", "foreign.json"):
        passport = json.loads(read(name))
        assert kit_passport.signed_by(passport, keys), name
        equal((passport["is_mock"], passport["tee"]["type"]), (True, "MOCK"))
        status, out, err = kit.lucid("passport", "verify", os.path.join(FOLDER, name), "--key",
                                     os.path.join(FOLDER, "jwks.json"), "--at", at, "--allow-mock",
                                     "--require", "signature", "--json")
        equal((status, json.loads(out)["verdict"]), (0, "unknown"), f"{name} {err!r}")

kit.done()
