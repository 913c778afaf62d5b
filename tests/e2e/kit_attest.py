"""Attestation for the tests: the mock agent as a program, runtime data, a service with the
verifier, policies and reference sets, attestation results. Written from the documents, sharing
nothing with the service's code."""

import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import urllib.parse

import kit
from kit import ED25519, equal
from kit_receipts import canonical

AGENT = kit.program("LUCID_MOCK_AGENT", "tools/lucid-mock-agent")
PLUGINS = os.path.join(os.path.abspath(kit.BUILD), "plugins")
VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors",
                       "attestation")
MOCK_ROOT = os.path.join(VECTORS, "mock", "mock-root.pem")
AUDIENCE = "https://relying.example"


def rfc3339(seconds):
    """A time of a record as answers say it."""
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_read(text):
    """Strict: no padding, no other characters, one form."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    equal(b64url(data), text, "base64url")
    return data


def b64(data):
    return base64.b64encode(data).decode()


def vector(name):
    with open(os.path.join(VECTORS, name), "rb") as file:
        return file.read()


def jws_parts(token):
    """(header, payload, signature, what is signed) of a compact JWS; nothing is verified."""
    token = token.decode() if isinstance(token, bytes) else token
    header, payload, signature = token.strip().split(".")
    return (json.loads(b64url_read(header), object_pairs_hook=kit.unique), b64url_read(payload),
            b64url_read(signature), f"{header}.{payload}".encode())


# --- the agent ----------------------------------------------------------------------------------


class Agent:
    """lucid-mock-agent; options as flags: svn=3, debug=True, measurement=hex."""

    def __init__(self, directory=None, **options):
        self.keys = directory or os.path.join(kit.scratch(), "keys")
        self.root = os.path.join(self.keys, "root.pem")
        command = [AGENT, "--key-dir", self.keys, "--listen", "127.0.0.1:0"]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
        self.log = os.path.join(kit.scratch(), "agent.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log,
                                            stdin=subprocess.DEVNULL, env=kit.environment())
        kit._services.append(self)  # killed with the services when the script ends
        line = self.process.stdout.readline().decode()
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", line)
        with open(self.log, "rb") as log:
            assert match, (line, log.read())
        self.url, self.client = match.group(1), kit.Client(int(match.group(2)))

    def get(self, path, **parameters):
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        return self.client.get(path + query)

    def evidence(self, data):
        """What /aa/evidence says of these bytes, as it comes: {"quote": JWS}."""
        answer = self.get("/aa/evidence", runtime_data=b64url(data), encoding="base64")
        equal(answer.status, 200, repr(answer))
        return answer.body

    def quote(self, data):
        return json.loads(self.evidence(data))["quote"]

    def stop(self):
        self.client.close()
        self.process.terminate()
        equal(self.process.wait(timeout=20 * kit.SLOW), 0, "exit status of the agent")
        self.process.stdout.close()
        with open(self.log, "rb") as log:
            text = log.read()
        assert not kit.TROUBLE.search(text), text


# --- what an attester sends ---------------------------------------------------------------------


class Workload:
    """A key pair of a workload, whose public half the evidence binds."""

    def __init__(self, name="workload"):
        self.seed = hashlib.sha256(b"e2e attest " + name.encode()).digest()
        self.public = bytes.fromhex(ED25519.public(self.seed))
        self.jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64url(self.public)}


def runtime_data(challenge, workload=None, audience=AUDIENCE, **more):
    """The bytes to be bound, for a challenge (the service's answer)."""
    return canonical({"nonce": challenge["nonce"], "publicKey": (workload or Workload()).jwk,
                      "audience": audience, **more})


def binding(runtime):
    return hashlib.sha384(runtime).digest()


def evidence_of(kind, data, **more):
    """An element of `evidences`: data as bytes."""
    return {"type": kind, "evidence": b64(data), **more}


# --- documents ----------------------------------------------------------------------------------


def signed(document, seed):
    """A policy or reference set with its signature inside."""
    key = b64(bytes.fromhex(ED25519.public(seed)))
    whole = {**document, "signature": {"algorithm": "Ed25519", "publicKey": key}}
    value = ED25519.sign(seed, [canonical(whole)])[0]
    whole["signature"]["value"] = b64(bytes.fromhex(value))
    return whole


def document_id(document):
    return "sha256:" + hashlib.sha256(canonical(document)).hexdigest()


def policy(name="tests", types=("mock", "snp"), **more):
    return {"type": "lucid.attestation.policy/v1", "name": name, "types": list(types), **more}


# --- the service --------------------------------------------------------------------------------


class Verifier(kit.Service):
    """lucidd with the verifier. test: a --test store; roots: PEM files with mock anchors."""

    document_seed = hashlib.sha256(b"e2e attest documents").digest()

    def __init__(self, test=False, roots=(), allow_mock=True, **settings):
        self.init_flags = ("--test",) if test else ()
        more = {"plugins": "verifier", "plugins_dir": PLUGINS,
                "verifier_document_keys": ED25519.public(self.document_seed)}
        if allow_mock:
            more["verifier_allow_mock"] = "true"
        if roots:
            more["verifier_mock_roots"] = os.path.join(kit.scratch(), "roots.pem")
            with open(more["verifier_mock_roots"], "wb") as out:
                for name in roots:
                    with open(name, "rb") as file:
                        out.write(file.read())
        super().__init__(**{**more, **settings})

    def challenge(self, audience=AUDIENCE, types=("mock",)):
        answer = self.post("/v1/attestation/challenge",
                           {"audience": audience, "types": list(types)})
        equal(answer.status, 200, repr(answer))
        return answer.json()

    def appraise(self, challenge, runtime, evidences, token="", **more):
        """The answer. token "": the administrator's; None: none."""
        body = {"sessionId": challenge["sessionId"], "runtimeData": b64(runtime),
                "evidences": evidences, **more}
        return self.post("/v1/attestation/appraise", body,
                         token=self.token if token == "" else token)

    def attest(self, agent, runtime=None, policy_id=None, **more):
        """Challenge, quote, appraisal: the answer's body."""
        challenge = self.challenge()
        runtime = runtime or runtime_data(challenge)
        if policy_id:
            more["policyId"] = policy_id
        answer = self.appraise(challenge, runtime,
                               [evidence_of("mock", agent.evidence(binding(runtime)))], **more)
        equal(answer.status, 201, repr(answer))
        return answer.json()

    def put(self, kind, document, seed=None):
        """kind: "policies" or "references"; the document is signed here. Its id."""
        whole = signed(document, seed or self.document_seed)
        answer = self.client.request("PUT", f"/v1/attestation/{kind}", canonical(whole),
                                     token=self.token)
        assert answer.status in (200, 201), answer
        equal(answer.json()["id"], document_id(whole))
        return answer.json()["id"]

    def result(self, token):
        """The claims of an attestation result, signed by a key of the service's JWK set."""
        header, payload, signature, message = jws_parts(token)
        equal(header["alg"], "EdDSA")
        keys = [key for key in self.ok("/.well-known/jwks.json")["keys"]
                if key["kid"] == header["kid"]]
        equal(len(keys), 1, f"keys named {header['kid']}")
        equal((keys[0]["kty"], keys[0]["crv"]), ("OKP", "Ed25519"))
        assert ED25519.verify(b64url_read(keys[0]["x"]), signature, message), "result's signature"
        claims = json.loads(payload, object_pairs_hook=kit.unique)
        equal(canonical(claims), payload, "claims are canonical")
        return claims
