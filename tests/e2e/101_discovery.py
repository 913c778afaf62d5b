#!/usr/bin/env python3
"""How a passport is found: what `lucid passport check` and `embed` print, and an application behind
Debian's nginx with the very configuration of examples/nginx, which announces it in all five ways.
The site never depends on the ledger."""

import base64
import html
import html.parser
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import kit
import kit_passport
from kit import case, equal
from kit_attest import Agent, vector
from kit_receipts import canonical

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
APPLICATION = os.path.join(EXAMPLES, "passport", "application.yaml")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
PATH, MEDIA = "/.lucid/passport", kit_passport.MEDIA
PAGE = b"<!doctype html><html><head><title>app</title></head><body>the application</body></html>"


# --- reading the forms, as a client does --------------------------------------------------------


class Head(html.parser.HTMLParser):
    """link, meta and script of a page that announce a passport."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.link, self.meta, self.script, self.inside = [], [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag == "script" and attrs.get("type") == MEDIA
        if tag == "link" and attrs.get("rel") == "ai-passport":
            equal(attrs.get("type"), MEDIA)
            self.link.append(attrs["href"])
        if tag == "meta" and attrs.get("name") == "lucid-passport":
            self.meta.append(attrs["content"])

    def handle_data(self, data):
        if self.inside:
            self.script.append(json.loads(data, object_pairs_hook=kit.unique))

    def handle_endtag(self, tag):
        self.inside = False


def header_read(value):
    """url, id and digest of the header: a dictionary of RFC 9651."""
    match = re.fullmatch(r'url="((?:[ !#-\[\]-~]|\\["\\])*)", id="([a-z0-9-]+)", '
                         r'digest=:([A-Za-z0-9+/]+=*):', value)
    assert match, value
    digest = base64.b64decode(match[3], validate=True)
    return match[1], match[2], "sha256:" + digest.hex()


def agree(page, header, passport):
    """The five forms of a page say the same, and nothing twice."""
    found = Head(page)
    url, ident, digest = header_read(header)
    equal((ident, digest), (passport["passportId"], kit_passport.digest(passport)))
    equal((found.link, found.meta), ([url], [url]))
    equal(len(found.script), 1, "scripts")
    equal((found.script[0]["passportId"], found.script[0]["url"]), (ident, url))
    return url


# --- without any service ------------------------------------------------------------------------


def run(*arguments, want=0, stdin=b""):
    status, out, err = kit.lucid("passport", *arguments, stdin=stdin,
                                 env={"LUCID_URL": "http://127.0.0.1:1"})
    equal(status, want, f"{arguments}: {out!r} {err!r}")
    return out if want == 0 else err or out


def file_of(name, data):
    path = os.path.join(kit.scratch(), name)
    with open(path, "wb") as file:
        file.write(data)
    return path


with case("check: what holds, with all defaults"):
    held = json.loads(run("check", APPLICATION, "--json"))["applications"]
    equal([one["name"] for one in held], ["my-app"])
    equal(held[0]["endpoints"], ["http://127.0.0.1:8402", "https://app.example"])
    equal((held[0]["validityDays"], held[0]["minSlsaLevel"]), (30, 0))
    equal(held[0]["evidence"], {"teeAttestation": True, "auditorClaims": True,
                                "routingProofs": True, "containerInfo": True,
                                "slsaProvenance": True, "modelFingerprint": False})
    equal((held[0]["display"]["mode"], held[0]["display"]["position"]), ("banner", "bottom"))
    assert b"My AI Application" in run("check", APPLICATION)
    two = b"metadata: {name: b}\nspec: {passport: {appName: B, minSlsaLevel: 3}}\n"
    with open(APPLICATION, "rb") as example:
        both = json.loads(run("check", "-j", "-", stdin=example.read() + b"---\n" + two))
    equal([one["name"] for one in both["applications"]], ["my-app", "b"])
    assert b"minSlsaLevel 3 cannot be reached" in kit.lucid("passport", "check", "-", stdin=two)[2]

with case("check: a fault is named by member and line, and nothing is printed"):
    with open(APPLICATION, "rb") as example:
        text = example.read()
    line = text.split(b"\n").index(b"      slsaProvenance: true") + 1
    for old, new, param, words in (
            (b"slsaProvenance: true", b"slsaProvenance: yes", "evidence.slsaProvenance", "true or"),
            (b"slsaProvenance: true", b"slsaProvenence: true", "evidence.slsaProvenence", "known")):
        told = json.loads(run("check", "-", "--json", stdin=text.replace(old, new), want=1))
        equal(set(told), {"error"})
        equal((told["error"]["code"], told["error"]["param"]),
              ("INVALID_APPLICATION", "applications[0].spec.passport." + param))
        assert f"line {line}: " in told["error"]["message"] and words in told["error"]["message"]
    for bad in (b"a: &x [*x]\n", b"", b"\xff", b"a: [", text + b"---\n" + text):
        assert b"INVALID_APPLICATION" in run("check", "-", stdin=bad, want=1)
    run("check", "/nowhere.yaml", want=2)
    run("check", want=2)

OK = vector("passport/ok.passport.json")

with case("embed: each form of a document, offline"):
    file = file_of("ok.json", OK)
    passport = json.loads(OK)
    forms = json.loads(run("embed", file, "--json"))
    equal(list(forms), ["path", "header", "link", "meta", "script", "nginx"])
    name, _, value = forms["header"].partition(": ")
    equal((name, forms["path"]), ("X-Lucid-Passport", PATH))
    equal(agree(forms["link"] + forms["meta"] + forms["script"], value, passport), PATH)
    summary = Head(forms["script"]).script[0]
    equal((summary["appName"], summary["expiresAt"], summary["digest"], summary["auditors"]),
          (passport["appName"], passport["expiresAt"], kit_passport.digest(passport),
           [auditor["name"] for auditor in passport["auditors"]]))
    for form, expected in forms.items():
        equal(run("embed", file, "--form", form).decode(), expected + "\n")
    equal(run("embed", file).decode(), "".join(text + "\n" for text in forms.values()))
    equal(json.loads(run("embed", "-", "-j", stdin=OK)), forms)

with case("embed: other addresses, display settings, and what a name cannot do"):
    there = "https://app.example/p?a=1&b='2'"
    forms = json.loads(run("embed", file, "-j", "--href", there))
    name, _, value = forms["header"].partition(": ")
    url = agree(forms["link"] + forms["meta"] + forms["script"], value, passport)
    equal(url, there.replace("'", "%27"))
    hostile = {**passport, "appName": "</script><script>alert(1)</script>", "application": "my-app"}
    forms = json.loads(run("embed", file_of("hostile.json", canonical(hostile)), "-j", "-c",
                           APPLICATION))
    equal(forms["script"].count("<"), 2, "the element's own")
    summary = Head(forms["script"]).script[0]
    equal((summary["appName"], summary["display"]["position"]), (hostile["appName"], "bottom"))
    for href in ("//evil.example/x", "javascript:alert(1)", "http://app.example/x", "x", "", "/a b",
                 "/a\\b", "https://u@app.example/"):
        run("embed", file, "--href", href, want=2)
    run("embed", file, "--form", "iframe", want=2)
    run("embed", file_of("bad.json", OK[:-20]), want=1)
    run("embed", file, "-c", APPLICATION, want=1)  # it is of no application
    run("embed", "my-app", want=3)


# --- behind nginx -------------------------------------------------------------------------------


class App(http.server.BaseHTTPRequestHandler):
    """An application that knows nothing of passports, and says one of its own all the same."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        kind, body = ("text/html", PAGE) if self.path != "/data" else ("application/json", b"{}")
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", kind)
        self.send_header("X-Lucid-Passport", "forged")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):  # pylint: disable=arguments-differ
        pass


class Nginx:
    """nginx with passport.conf; what its head names, and where it may write, is changed."""

    def __init__(self, ledger, app, application="my-app"):
        self.folder = kit.scratch()
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        conf = os.path.join(self.folder, "conf")
        shutil.copytree(os.path.join(EXAMPLES, "nginx"), conf)
        temporary = "".join(f"    {name}_temp_path {self.folder}/{name};\n" for name in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        for name, pairs in {
                "passport.conf": [("server 127.0.0.1:8402;", f"server 127.0.0.1:{ledger};"),
                                  ("server 127.0.0.1:9000;", f"server 127.0.0.1:{app};"),
                                  ("listen 8080;", f"listen 127.0.0.1:{self.port};"),
                                  ("$lucid_application my-app;",
                                   f"$lucid_application {application};"),
                                  ("http {\n", "http {\n    access_log off;\n" + temporary)],
                "lucid_passport_http.conf": [("/var/lib/nginx", self.folder)],
                "lucid_passport.conf": [("200 404 410 10s;", "200 404 410 1s;")]}.items():
            path = os.path.join(conf, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for old, new in pairs:
                equal(text.count(old), 1, f"{old} in {name}")
                text = text.replace(old, new)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        user = "user root;" if os.getuid() == 0 else ""
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [NGINX, "-p", self.folder, "-c", os.path.join(conf, "passport.conf"), "-e",
                 "stderr", "-g", f"daemon off; pid {self.folder}/pid; {user}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kit.environment())
        kit.wait_for(self.listens, what="nginx")
        self.client = kit.Client(self.port)

    def listens(self):
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def get(self, path="/", method="GET", body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Host", "app.example")
        return self.client.request(method, path, body, headers)

    def header(self, path="/"):
        return self.get(path).header("X-Lucid-Passport")

    def stop(self):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10 * kit.SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def applications():
    """The example's file, and another application beside it."""
    with open(APPLICATION, encoding="utf-8") as file:
        text = file.read()
    other = kit_passport.application("other", appName="Other", endpoints=["https://other.example"])
    path = os.path.join(kit.scratch(), "applications.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "---\n" + kit_passport.yaml_of(other) + "\n")
    return path


behind = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
behind.daemon_threads = True
threading.Thread(target=behind.serve_forever, daemon=True).start()
agent = Agent()
ledger = kit_passport.Passports(roots=[agent.root], passport_applications=applications())
ledger.start()
nginx = Nginx(ledger.port, behind.server_port)
stranger = Nginx(ledger.port, behind.server_port, "nobody")


def issue(name):
    appraisal = ledger.environment_of(agent)["appraisalId"]
    return ledger.issue([appraisal], application_name=name)["passport"]


with case("nginx: no passport yet: the site is as ever"):
    answer = nginx.get()
    equal((answer.status, answer.body, answer.header("X-Lucid-Passport")), (200, PAGE, None))
    equal(nginx.get(PATH).status, 404)

other = issue("other")
passport = issue("my-app")
kit.wait_for(nginx.header, what="the passport to be announced")

with case("nginx: all five forms are there, and agree"):
    answer = nginx.get()
    equal(answer.status, 200)
    url = agree(answer.body.decode(), answer.header("X-Lucid-Passport"), passport)
    equal(url, PATH)
    equal(answer.body.decode().partition("<body>")[2], PAGE.decode().partition("<body>")[2])
    document = nginx.get(url)
    equal((document.status, document.header("Content-Type")), (200, MEDIA))
    equal(canonical(document.json()), canonical(passport))
    assert kit_passport.signed_by(document.json(), ledger.keys())
    equal(document.header("Access-Control-Allow-Origin"), "*")
    assert "https://app.example" in passport["endpoints"], passport["endpoints"]

with case("nginx: also on errors, data and what is sent; only pages are added to"):
    first = answer.header("X-Lucid-Passport")
    for path, status, body in (("/missing", 404, None), ("/data", 200, b"{}")):
        answer = nginx.get(path)
        equal((answer.status, answer.header("X-Lucid-Passport")), (status, first))
        equal(answer.body, body or answer.body)
    answer = nginx.get("/", "POST", b"sent")
    equal((answer.status, answer.body, answer.header("X-Lucid-Passport")), (200, b"sent", first))

with case("nginx: whose passport it is no visitor chooses"):
    for path in (PATH + "?application=other", PATH + "?bundle=0&application=other"):
        equal(nginx.get(path).json()["passportId"], passport["passportId"])
    equal(nginx.get(PATH, Host="other.example").json()["passportId"], passport["passportId"])
    equal(stranger.get(PATH).status, 404)
    equal((stranger.header(), stranger.get().body), (None, PAGE))
    equal(nginx.get("/_lucid/passport").body, b"")
    for path in ("/v1/passports", "/v1/tokens", "/v1/passports/verify/x"):
        assert b"the application" in nginx.get(path).body, path

with case("nginx: what is needed to check it is there: package, page, keys, status list"):
    package = nginx.get(PATH + "?bundle=1").json()
    equal(canonical(package["passport"]), canonical(passport))
    shown = nginx.get("/v1/passports/" + passport["passportId"]).json()
    equal((shown["status"], canonical(shown["passport"])), ("valid", canonical(passport)))
    page = nginx.get("/passport/" + passport["passportId"])
    equal((page.status, page.header("Content-Type")), (200, "text/html; charset=utf-8"))
    assert b"My AI Application" in page.body
    for kind in ("href", "src", "data-bundle", "data-status", "data-keys", "data-log"):
        fetched = re.findall(rf' {kind}="((?:assets|\.\.)/[^"]+)"', page.body.decode())
        assert fetched, kind
        for url in fetched:
            there = nginx.get(urllib.parse.urljoin("/passport/x", html.unescape(url)))
            equal((there.status, there.body == PAGE), (200, False), url)
    keys = kit_passport.jwks_keys(nginx.get("/.well-known/jwks.json").json())
    listed = nginx.get("/v1/passports/status").body.decode()
    equal(kit_passport.status_list(listed, keys)["revoked"], [])
    equal(nginx.get(PATH, "POST", b"x").status, 405)
    equal(nginx.get(PATH, "HEAD").status, 200)

with case("embed prints of the service what nginx serves"):
    service = ("--url", f"http://127.0.0.1:{ledger.port}")
    forms = json.loads(kit.run_lucid("passport", "embed", "my-app", "--json", *service,
                                     env={"LUCID_TOKEN": ledger.token}))
    equal(forms["header"], "X-Lucid-Passport: " + first)
    found = nginx.get().body.decode()
    for form in ("link", "meta"):
        assert forms[form] in found, (form, found)
    same = kit.run_lucid("passport", "embed", passport["passportId"], "-f", "header", *service)
    equal(same.decode().strip(), forms["header"])

with case("nginx: the ledger is away: the site is as ever, nothing is announced; then it is again"):
    port = ledger.port
    ledger.stop()
    kit.wait_for(lambda: nginx.header() is None, what="the header to go")
    answer = nginx.get()
    equal((answer.status, answer.body), (200, PAGE))
    equal(nginx.get("/", "POST", b"sent").body, b"sent")
    assert nginx.get(PATH).status in (502, 504)
    ledger.start(listen=f"127.0.0.1:{port}")
    kit.wait_for(lambda: nginx.header() == first, what="the header to come back")

with case("nginx: the ledger hangs: a page waits a second at most, and comes"):
    os.kill(ledger.process.pid, signal.SIGSTOP)
    try:
        kit.wait_for(lambda: nginx.header() is None, what="the header to go")
        began = time.monotonic()
        equal(nginx.get().body, PAGE)
        assert time.monotonic() - began < 3 * kit.SLOW
    finally:
        os.kill(ledger.process.pid, signal.SIGCONT)
    kit.wait_for(lambda: nginx.header() == first, what="the header to come back")

with case("nginx: revoked: nothing is announced, and the address says why"):
    answer = ledger.ask({"reason": "operatorRequest"},
                        path=f"/v1/passports/{passport['passportId']}/revoke")
    assert answer.status in (200, 201), answer
    kit.wait_for(lambda: nginx.header() is None, what="the header to go")
    equal((nginx.get().body, nginx.get(PATH).status), (PAGE, 410))

nginx.stop()
stranger.stop()
ledger.stop()
agent.stop()
behind.shutdown()
kit.done()
