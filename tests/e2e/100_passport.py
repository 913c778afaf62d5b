#!/usr/bin/env python3
"""The life of a passport through the HTTP API, with the mock agent."""

import json

import kit
import kit_attest
import kit_passport
from kit import case, equal, problem
from kit_passport import BUNDLE, MEDIA, Passports, application, checks_of, request

agent = kit_attest.Agent()
service = Passports(application(), application("other", appName="Another one",
                                               endpoints=["https://other.example"]),
                    roots=(agent.root,), head_interval_ms=100)


def appraised(to=None, **more):
    return (to or service).environment_of(agent, **more)["appraisalId"]


def shown(passport_id, to=None):
    answer = (to or service).client.get(f"/v1/passports/{passport_id}")
    equal(answer.status, 200, repr(answer))
    return answer.json()


with case("an issue: signed, logged, and the same again for the same request"):
    asked = request([appraised()])
    answer = service.ask(asked)
    equal(answer.status, 201, repr(answer))
    first = answer.json()
    kit_passport.check_form(first["passport"])
    assert kit_passport.signed_by(first["passport"], service.keys())
    equal(first["digest"], kit_passport.digest(first["passport"]))
    equal((first["status"], first["is_mock"], first["application"]), ("valid", True, "my-app"))
    again = service.ask(asked)
    equal(again.status, 200, repr(again))
    equal(again.json()["passport"], first["passport"])
    FIRST = first["passportId"]

with case("shown to everybody: whole, bare, as a package"):
    body = shown(FIRST)
    equal(body["passport"], first["passport"])
    bare = service.client.get(f"/v1/passports/{FIRST}", headers={"accept": MEDIA})
    equal((bare.status, bare.header("content-type")), (200, MEDIA))
    equal(bare.json(), first["passport"])

with case("verification by id and by document"):
    for what in (FIRST, first["passport"], json.dumps(first["passport"])):
        verdict = service.verify(what)
        print("#", json.dumps(verdict))

kit.done()
