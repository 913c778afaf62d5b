#!/usr/bin/env python3
"""Passports are sold: nothing is issued before a payment that fits is shown, what is refused costs
nothing, what is bought is logged once and given again to who asks again; an application that
names tokens cannot be bought."""

import json

import kit
import kit_attest
import kit_chain
import kit_passport
import kit_pay
from kit import case, equal, problem
from kit_attest import binding
from kit_chain import PAYER, PAYER2
from kit_passport import application
from kit_shop import PRICE, Shop

SOLD = "/v1/passports"


class Seller(Shop):
    init_flags = ("--test",)
    challenge, appraise = kit_attest.Verifier.challenge, kit_attest.Verifier.appraise
    verify = kit_passport.Passports.verify


chain = kit_chain.chain()
agent = kit_attest.Agent()
shop = Seller(chain, classes={"proof": "proofs", "passport": "passports"},
              public_url="https://ledger.example", plugins="verifier,passport",
              plugins_dir=kit_attest.PLUGINS, verifier_allow_mock="true",
              verifier_mock_roots=agent.root, passport_allow_mock="true",
              passport_applications=kit_passport.applications_file(
                  application(), application("kept", appName="Kept", tokens=["0" * 16],
                                             endpoints=["https://kept.example"])))
received = 0


def appraised():
    challenge = shop.challenge()
    bound = kit_attest.runtime_data(challenge)
    answer = shop.appraise(challenge, bound, [
        kit_attest.evidence_of("mock", agent.evidence(binding(bound)))])
    equal(answer.status, 201, repr(answer))
    return answer.json()["appraisalId"]


def asking(**more):
    return json.dumps(kit_passport.request([appraised()], **more)).encode()


def post(body, header=None, token=None):
    return shop.client.request("POST", SOLD, body, dict([header] if header else []), token=token)


def offer(body):
    return shop.offer(SOLD, "POST", body)


def issued():
    return len(shop.events("passport.issued"))


with case("402 before anything is looked at"):
    good = asking()
    for body in (b"{}", b"no JSON", asking(application_name="nobody"), good):
        equal(kit_pay.offer_v2(offer(body))["accepts"][0]["amount"], str(PRICE))
    equal(issued(), 0)
    shop.agree(received)

with case("what is refused costs nothing, also an application that names tokens"):
    for body, status, code, param in (
            (asking(application_name="nobody"), 422, "APPLICATION_UNKNOWN", "application"),
            (asking(application_name="kept"), 403, "FORBIDDEN", "application"),
            (json.dumps({**json.loads(good), "time": 5}).encode(), 422, "PASSPORT_REFUSED",
             "time")):
        answer = post(body, kit_pay.pay_v2(offer(body), PAYER))
        equal(answer.status, status, repr(answer))
        problem(answer, status, code, param)
        equal((answer.header("X-Payment-Id"), issued()), (None, 0))
    shop.agree(received)

with case("bought: a passport, logged once, one payment"):
    header = kit_pay.pay_v2(offer(good), PAYER)
    answer = post(good, header)
    equal(answer.status, 201, repr(answer))
    received += PRICE
    first = answer.json()
    kit_passport.check_form(first["passport"])
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((payment["status"], payment["asset"]), ("settled", "passports"))
    equal((issued(), len(shop.payments())), (1, 1))
    equal(shop.verify(first["passportId"])["verdict"], "valid")
    shop.agree(received)

with case("the same again is the first one: with its payment, and with another that stays good"):
    for again in (header, kit_pay.pay_v2(offer(good), PAYER2)):
        answer = post(good, again)
        equal((answer.status, answer.json()["passport"]), (200, first["passport"]), repr(answer))
    problem(post(good), 402, "PAYMENT_REQUIRED")
    shop.restart()
    equal(post(good, header).status, 200)
    equal((issued(), len(shop.payments())), (1, 1))
    shop.agree(received)

with case("a token with the scope pays nothing"):
    equal(post(asking(), token=shop.token).status, 201)
    equal((issued(), len(shop.payments())), (2, 1))
    shop.agree(received)

kit.done()
