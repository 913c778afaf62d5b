#!/usr/bin/env python3
"""What nobody may get out of the routes of passports, and what becomes of passports when things
happen at once, at random, or to what they rest on: the status list says it all, always."""

import random
import time

import kit
import kit_attest
from kit import case, equal, problem
from kit_clock import Clock
from kit_passport import (Passports, application, checks_of, digest, request, seconds,
                          status_list)

OTHER, OVERLAP_S, DAY_MS = "https://other.example:8443", 1800, 86400 * 1000
WITH = ("--plugins", "passport,verifier", "--plugins-dir", kit_attest.PLUGINS)
APPLICATIONS = (application(validityDays=1),
                application("other", appName="Another", endpoints=[OTHER], validityDays=2,
                            evidence={"teeAttestation": False}))

clock = Clock(kit.scratch())
agent = kit_attest.Agent()
service = Passports(*APPLICATIONS, roots=(agent.root,), start=False, head_interval_ms=100,
                    plugins="passport,verifier", passport_overlap_seconds=OVERLAP_S)
off_ms = 0
service.start(prefix=clock.prefix())


def now():
    return int(time.time()) + off_ms // 1000


def later(ms):
    global off_ms  # pylint: disable=global-statement
    off_ms += ms
    clock.set(off_ms)


def asking(name="my-app"):
    return request([service.environment_of(agent)["appraisalId"]], application_name=name, at=now())


def post(path, body, client=None):
    return (client or service.client).request("POST", path, body, token=service.token)


def revoke(passport_id, client=None, reason="operatorRequest"):
    return post(f"/v1/passports/{passport_id}/revoke", {"reason": reason}, client)


def issued(name="my-app"):
    answer = post("/v1/passports", asking(name))
    equal(answer.status, 201, repr(answer))
    return answer.json()


def claims(token=None):
    token = token or service.client.get("/v1/passports/status").body.decode()
    return status_list(token, service.keys(), now())


def shown_at(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = service.client.get("/.lucid/passport", headers=named)
    return answer.json()["passportId"] if answer.status == 200 else answer.status


def verified(what):
    body = service.verify(what)
    return body["verdict"], checks_of(body)


# --- what nobody gets out of it -----------------------------------------------------------------

first, hidden = issued(), issued("other")
ID, HIDDEN = first["passportId"], hidden["passportId"]

with case("only what the log has is held against the log: nobody tries what a passport hides"):
    secret = hidden["passport"]["tee"]["appraisal"]
    guess = {**first["passport"], "tee": {**first["passport"]["tee"], "appraisal": secret}}
    for one in ({**guess, "appraisals": [secret["id"]]},
                {**hidden["passport"], "tee": {**hidden["passport"]["tee"],
                                               "measurementHash": "sha256:" + "00" * 32}}):
        verdict, checks = verified(one)
        equal((verdict, checks["log"]["code"], checks["evidence"]["outcome"]),
              ("invalid", "log.differs", "warn"), repr(checks["evidence"]))
        equal(checks["evidence"]["code"], "evidence.mock")
    nobody = {**first["passport"], "passportId": "pass-" + "d" * 32}
    verdict, checks = verified(nobody)
    equal((verdict, checks["log"]["code"]), ("invalid", "log.not_here"))

with case("the host chooses, however it is written; what a proxy adds does not"):
    equal(shown_at(host="app.example"), ID)
    equal(shown_at(host="APP.example:443"), ID)
    equal(shown_at(host="other.example:8443"), HIDDEN)
    for host in ("app.example:8443", "other.example", "app.example.evil", "xapp.example",
                 "app.example:"):
        equal((host, shown_at(host=host)), (host, 404))
    equal(shown_at(host="app.example", x_forwarded_host="other.example:8443",
                   forwarded="host=other.example:8443"), ID)
    answer = service.client.get("/.lucid/passport", headers={"host": "app.example"})
    vary = {name.strip().lower() for name in answer.header("vary").split(",")}
    assert {"accept", "host"} <= vary, vary
    head = service.client.request("HEAD", "/.lucid/passport", headers={"host": "app.example"})
    equal((head.status, head.body, head.header("etag")), (200, b"", answer.header("etag")))

with case("a request has one passport: it renews no other one"):
    later(12 * 3600 * 1000 + 60000)
    asked = asking()
    renewed = post(f"/v1/passports/{ID}/renew", asked)
    equal(renewed.status, 201, repr(renewed))
    SECOND = renewed.json()["passportId"]
    equal(post(f"/v1/passports/{ID}/renew", asked).json()["passportId"], SECOND)
    problem(post(f"/v1/passports/{SECOND}/renew", asked), 409, "PASSPORT_CONFLICT", "id")

# --- at once ------------------------------------------------------------------------------------

with case("four renewals at once: one successor"):
    later(12 * 3600 * 1000 + 60000)
    bodies = [asking() for _ in range(4)]
    answers = kit.at_once(service, 4, lambda client, i: post(f"/v1/passports/{SECOND}/renew",
                                                             bodies[i], client))
    statuses = sorted(answer.status for answer in answers)
    equal(statuses, [201, 409, 409, 409])
    THIRD = next(answer.json()["passportId"] for answer in answers if answer.status == 201)
    equal(service.ok(f"/v1/passports/{SECOND}")["supersededBy"], THIRD)

with case("issued, revoked, listed, verified at once: no branch, and the list is never behind"):
    newest = THIRD
    for _ in range(4):
        bodies = [asking() for _ in range(2)]
        target = newest

        def one(client, i):
            if i < 2:
                return post("/v1/passports", bodies[i], client)
            if i < 4:
                return revoke(target, client)
            if i == 4:
                return client.get("/v1/passports/status")
            return post("/v1/passports/verify", {"passportId": target}, client)

        answers = kit.at_once(service, 6, one)
        assert {answer.status for answer in answers[:2]} <= {201, 409}, answers
        equal(sorted(answer.status for answer in answers[2:4]), [200, 201])
        assert target in {entry["id"] for entry in claims()["revoked"]}
        equal(verified(target)[0], "invalid")
        items = service.ok("/v1/passports?application=my-app&limit=1&order=desc",
                           token=service.token)["items"]
        newest = items[0]["passportId"]
        if newest == target:
            newest = issued()["passportId"]

# --- at random ----------------------------------------------------------------------------------


class Model:
    """What was issued and revoked, and what the list must then say."""

    def __init__(self):
        self.rows = {}
        for row in service.walk("/v1/passports"):
            self.add(service.ok(f"/v1/passports/{row['passportId']}"))

    def add(self, body):
        passport = body["passport"]
        row = {"application": body["application"], "expires": seconds(passport["expiresAt"]),
               "issued": seconds(passport["issuedAt"]), "by": None, "revoked": None}
        before = passport.get("supersedes")
        if before:
            self.rows[before]["by"] = (body["passportId"], row["issued"] + OVERLAP_S)
        if body["status"] == "revoked":
            row["revoked"] = body["reason"]
        self.rows[body["passportId"]] = row

    def living(self, at):
        return [name for name, row in self.rows.items() if row["expires"] > at + 3]

    def lists(self, at):
        """Both lists, of what has not expired."""
        revoked = {name: row["revoked"] for name, row in self.rows.items()
                   if row["revoked"] and row["expires"] > at}
        superseded = {name: row["by"] for name, row in self.rows.items()
                      if row["by"] and not row["revoked"] and row["expires"] > at}
        return revoked, superseded


with case("whatever happens, the list has every passport that ended and has not expired"):
    model, dice = Model(), random.Random(7)
    reasons = ("keyCompromise", "teeRevoked", "auditorInactive", "superseded")
    for step in range(60):
        what = dice.choice(("issue", "issue", "revoke", "wait", "wait"))
        if what == "issue":
            model.add(issued(dice.choice(("my-app", "other"))))
        elif what == "wait":
            later(dice.choice((1000, 31000, OVERLAP_S * 1000, DAY_MS // 3)))
        else:
            name, reason = dice.choice(list(model.rows)), dice.choice(reasons)
            known = model.rows[name]["revoked"] is not None
            equal(revoke(name, reason=reason).status, 200 if known else 201)
            model.rows[name]["revoked"] = model.rows[name]["revoked"] or reason
        said = claims()
        # Nothing expires between the two: what is about to is looked at a second later.
        revoked, superseded = model.lists(said["iat"])
        equal({entry["id"]: entry["reason"] for entry in said["revoked"]}, revoked, step)
        equal({entry["id"]: (entry["by"], entry["at"]) for entry in said["superseded"]},
              superseded, step)
        assert said["exp"] - said["iat"] <= 3600 and now() - said["iat"] <= 31, said

# --- what it rests on ---------------------------------------------------------------------------

with case("a passport whose document is erased: gone, and still on the list when it is revoked"):
    lost = issued()
    name, path = lost["passportId"], f"/v1/passports/{lost['passportId']}"
    equal(service.client.request("DELETE", "/v1/blobs/" + lost["digest"].split(":")[1],
                                 token=service.token).status, 200)
    for get in (path, path + "?bundle=1", "/.lucid/passport?application=my-app"):
        problem(service.client.get(get), 410, "ERASED")
    problem(service.post("/v1/passports/verify", {"passportId": name}), 410, "ERASED")
    equal(verified(lost["passport"])[0], "valid")  # who kept it can have it checked
    assert service.client.get(f"/passport/{name}").status in (404, 410)
    row = service.ok("/v1/passports?order=desc&limit=1", token=service.token)["items"][0]
    equal((row["passportId"], row["status"], row["digest"]), (name, "valid",
                                                              digest(lost["passport"])))
    equal(revoke(name).status, 201)
    assert name in {entry["id"] for entry in claims()["revoked"]}
    equal(verified(lost["passport"])[1]["status"]["code"], "status.revoked")
    answer = service.client.get("/.lucid/passport?application=my-app")
    equal((answer.status, answer.header("cache-control")), (410, "no-cache"))
    assert name in {entry["id"] for entry in claims(answer.body.decode())["revoked"]}

with case("all of it stands in the log: checked and played again"):
    service.stop()
    for command in ("fsck", "replay"):
        more = ("--check",) if command == "replay" else ()
        status, out, err = kit.lucid("log", command, "--data", service.data, *more, *WITH)
        equal(status, 0, repr((command, out, err)))

with case("without the verifier nothing can be said of passports: the service does not start"):
    kit.refuses_to_start(service.data, "rests on the plugin verifier", "--plugins", "passport",
                         "--plugins-dir", kit_attest.PLUGINS)

agent.stop()
kit.done()
