#!/usr/bin/env python3
"""The page of a passport as the service serves it: policy, headers, states, assets and their
caching. What a browser makes of it: tests/interop/passport_page."""

import hashlib
import html.parser
import re

import kit
import kit_attest
import kit_passport
from kit import case, equal
from kit_passport import Passports, application, b64

agent = kit_attest.Agent()
EVIL = "<b onclick=alert(1)>\"'&amp;"
STYLED = application("styled", appName=EVIL, endpoints=["https://styled.example"],
                     display={"theme": "dark", "customCssUrl": "https://style.example/a.css",
                              "passportPageLogoUrl": "/logo.svg"})
service = Passports(application(), STYLED, roots=(agent.root,), head_interval_ms=100)


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text."""

    def __init__(self, data):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        equal(len(dict(attrs)), len(attrs), f"attributes of {tag}")
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag, **attributes):
        return [found for name, found in self.elements if name == tag and
                all(found.get(key) == value for key, value in attributes.items())]


def page(passport_id, status=200):
    answer = service.client.get(f"/passport/{passport_id}")
    equal((answer.status, answer.header("content-type")), (status, "text/html; charset=utf-8"))
    return answer, Page(answer.body)


def policy(answer):
    """Directive → its sources."""
    parts = [part.split() for part in answer.header("content-security-policy").split(";")]
    return {part[0]: part[1:] for part in parts}


first = service.issue([service.environment_of(agent)["appraisalId"]])
ID = first["passportId"]

with case("a page under a strict policy, never from a cache, with no cookie"):
    answer, shown = page(ID)
    rules = policy(answer)
    equal(rules["default-src"], ["'none'"])
    for name in ("script-src", "connect-src", "style-src", "img-src", "frame-ancestors"):
        equal(rules[name], ["'self'"], name)
    for name in ("base-uri", "form-action", "trusted-types"):
        equal(rules[name], ["'none'"], name)
    equal((answer.header("x-content-type-options"), answer.header("referrer-policy"),
           answer.header("cache-control")), ("nosniff", "no-referrer", "no-store"))
    equal(answer.header("set-cookie"), None)

with case("it names the document in all forms, alike"):
    link = shown.all("link", rel="ai-passport")[0]["href"]
    equal(shown.all("meta", name="lucid-passport")[0]["content"], link)
    digest = b64(hashlib.sha256(service.client.get(
        f"/v1/passports/{ID}", headers={"accept": kit_passport.MEDIA}).body).digest())
    equal(answer.header("x-lucid-passport"), f'url="{link}", id="{ID}", digest=:{digest}:')
    found = service.client.get(link)
    equal(found.header("content-type"), kit_passport.MEDIA)
    equal((b64(hashlib.sha256(found.body).digest()), found.json()), (digest, first["passport"]))

with case("nothing is good on it before a browser has looked; mock says so"):
    states = [found["data-outcome"] for _, found in shown.elements if "data-outcome" in found]
    equal(set(states), {"none"})
    equal([found["data-check"] for found in shown.all("li") if "data-check" in found],
          ["page", *kit_passport.CHECKS])
    for text in ("Mock: proves nothing about hardware.", "Not checked by your browser yet",
                 "The issuer says: valid, as of", "the same party that issued the passport"):
        assert text in shown.text, text
    equal([found for _, found in shown.elements if "style" in found or "onclick" in found], [])
    equal([found.get("src") for found in shown.all("script")],
          [found.get("src") for found in shown.all("script") if found.get("src")])

with case("what it shows is what the document says"):
    for _, found in shown.elements:
        if "data-is" not in found or ("datetime" not in found and "data-value" not in found):
            continue
        said = first["passport"]
        for name in found["data-is"].split("/")[1:]:
            said = said[int(name)] if isinstance(said, list) else said.get(name, "declared")
        equal(found.get("datetime") or found["data-value"], str(said), found["data-is"])

with case("its links lead somewhere"):
    entry = next(found["href"] for found in shown.all("a")
                 if found.get("href", "").endswith("/proof"))
    kit.wait_for(lambda: service.client.get(entry[2:]).status == 200, what="a head of the log")
    for found in shown.all("a"):
        if found["href"].startswith(".."):
            equal(service.client.get(found["href"][2:]).status, 200, found["href"])

with case("assets: as the page names them for ever, else asked for each time"):
    names = [found["href"] for found in shown.all("link") if "assets/" in found["href"]]
    names += [found["src"] for found in shown.all("script")]
    equal(len(names), 3)
    for name in names:
        path, version = re.fullmatch(r"(assets/[a-z.]+)\?v=([0-9a-f]{16})", name).groups()
        asset = service.client.get(f"/passport/{name}")
        equal((asset.status, asset.header("x-content-type-options")), (200, "nosniff"))
        equal(hashlib.sha256(asset.body).hexdigest()[:16], version)
        assert "immutable" in asset.header("cache-control"), asset.header("cache-control")
        plain = service.client.get(f"/passport/{path}?v=0")
        equal((plain.body, plain.header("cache-control")), (asset.body, "no-cache"))
        again = service.client.get(f"/passport/{path}",
                                   headers={"if-none-match": plain.header("etag")})
        equal((again.status, again.body), (304, b""))
    for name in ("page.c", "verify.jsx", "verify.js/", "VERIFY.JS"):
        equal(service.client.get(f"/passport/assets/{name}").status, 404, name)

with case("no such passport: a page that says so, under the same policy"):
    for name in ("pass-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x", "%3Cscript%3E", "a" * 200):
        answer, absent = page(name, 404)
        equal(policy(answer)["default-src"], ["'none'"])
        assert "No such passport" in absent.text
        equal(absent.all("script"), [])

with case("markup in a name is text; theme, style sheet and logo of the application"):
    other = service.issue([service.environment_of(agent)["appraisalId"]],
                          application_name="styled")
    answer, styled = page(other["passportId"])
    assert EVIL in styled.text
    equal((styled.all("b", onclick="alert(1)"), styled.all("html")[0]["data-theme"]), ([], "dark"))
    equal(styled.all("img")[0]["src"], "https://styled.example/logo.svg")
    rules = policy(answer)
    equal((rules["style-src"], rules["img-src"], rules["script-src"]),
          (["'self'", "https://style.example"], ["'self'", "https://styled.example"], ["'self'"]))

with case("a revoked one is shown, as revoked"):
    revoked = service.post(f"/v1/passports/{ID}/revoke", {"reason": "keyCompromise"},
                           token=service.token)
    equal(revoked.status, 201, repr(revoked))
    answer, shown = page(ID)
    assert "Revoked." in shown.text and "The issuer says: revoked" in shown.text
    equal(len(shown.all("div", **{"class": "banner bad"})), 1)
    equal(answer.header("x-lucid-passport").count(ID), 2)

with case("HEAD says the same without a body"):
    head = service.client.request("HEAD", f"/passport/{ID}")
    equal((head.status, head.body), (200, b""))
    equal(head.header("content-security-policy"), answer.header("content-security-policy"))

kit.done()
