#!/usr/bin/env python3
"""Appraisals by the verifier are sold: nothing is appraised before a payment that fits is shown,
what is refused costs nothing and leaves payment and nonce good, what is bought is logged once and
proved like any other."""

import base64
import hashlib
import json
import threading

import kit
import kit_attest
import kit_chain
import kit_pay
import kit_tree
from kit import case, equal, problem
from kit_attest import b64, binding, evidence_of, runtime_data
from kit_chain import PAYEE, PAYER, PAYER2
from kit_evm import unhex
from kit_shop import PRICE, Shop

SOLD, ASSET = "/v1/attestation/appraise", "appraisals"


class Seller(Shop):
    init_flags = ("--test",)
    document_seed = kit_attest.Verifier.document_seed
    challenge, put = kit_attest.Verifier.challenge, kit_attest.Verifier.put
    result = kit_attest.Verifier.result


chain = kit_chain.chain()
agent = kit_attest.Agent()
shop = Seller(chain, classes={"proof": "proofs", "appraise": ASSET},
              public_url="https://ledger.example", plugins="verifier",
              plugins_dir=kit_attest.PLUGINS, verifier_allow_mock="true",
              verifier_mock_roots=agent.root,
              verifier_document_keys=kit.ED25519.public(Seller.document_seed))
received = 0


def request(challenge=None, spoil=None, **more):
    """A body for a challenge, the evidence fresh; spoil: makes another quote of the quote."""
    challenge = challenge or shop.challenge()
    runtime = runtime_data(challenge)
    evidence = agent.evidence(binding(runtime))
    if spoil:
        evidence = json.dumps({"quote": spoil(json.loads(evidence)["quote"])}).encode()
    return json.dumps({"sessionId": challenge["sessionId"], "runtimeData": b64(runtime),
                       "evidences": [evidence_of("mock", evidence)], **more}).encode()


def unsigned(quote):
    """The same quote with another's signature."""
    header, payload, signature = quote.split(".")
    other = bytearray(base64.urlsafe_b64decode(signature + "=="))
    other[40] ^= 1
    return ".".join((header, payload, kit_attest.b64url(bytes(other))))


def post(body, header=None, token=None, client=None):
    return (client or shop.client).request("POST", SOLD, body, dict([header] if header else []),
                                           token=token)


def offer(body):
    return shop.offer(SOLD, "POST", body)


def count(name):
    """The sum of a family of counters."""
    text = shop.get("/metrics").body.decode()
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name + "{"))


def calls():
    """How often a handler of the verifier has run, and how often the log has grown."""
    return count("lucid_plugin_calls_total"), len(shop.events("attestation.appraisal"))


def appraised(answer, status=201):
    """A result: its token is the service's. The body."""
    equal(answer.status, status, repr(answer))
    body = answer.json()
    equal((body["status"], body["mock"]), ("warning", True))
    equal(shop.result(body["ear"])["ear_status"], "warning")
    equal(answer.header("Cache-Control"), "private, no-store")
    return body


def same(answer, body):
    """The result again; of its place in the log what may not change."""
    again = appraised(answer, 200)
    equal(again["receipt"]["leaf_index"], body["receipt"]["leaf_index"])
    equal({**again, "receipt": None}, {**body, "receipt": None})


def settled(answer, served=True):
    payment = shop.ok(f"/v1/payments/{answer.header('X-Payment-Id')}", token=shop.token)
    equal((payment["status"], payment["asset"], payment["amount"]), ("settled", ASSET, str(PRICE)))
    equal(payment["x402"]["served"], served)
    return payment["id"]


def unpaid(answer):
    equal((answer.header("X-Payment-Id"), answer.header("PAYMENT-RESPONSE")), (None, None))


with case("402 before anything is looked at, whatever the evidence"):
    good = request()
    bodies = (request(spoil=unsigned), b"{}", b"no JSON", good)
    before = calls()
    for body in bodies:
        asked = offer(body)
        equal(kit_pay.offer_v2(asked)["accepts"][0]["amount"], str(PRICE))
    problem(post(good, kit_pay.pay_v2(asked, PAYER, PRICE - 1)), 402, "PAYMENT_REQUIRED")
    problem(post(good, token="lucid_" + "0" * 64), 402, "PAYMENT_REQUIRED")
    equal(calls(), before)
    equal((count("lucid_verifier_appraisals_total"), count("lucid_verifier_refusals_total")),
          (0, 0))
    shop.agree(received)

with case("bought: the result, logged once, one payment"):
    header = kit_pay.pay_v2(offer(good), PAYER)
    answer = post(good, header)
    first = appraised(answer)
    received += PRICE
    payment = settled(answer)
    equal(kit_pay.unb64(answer.header("PAYMENT-RESPONSE"))["success"], True)
    event, = shop.events("attestation.appraisal")
    equal(hashlib.sha256(base64.b64decode(event["payload"])).hexdigest(), first["appraisalId"])
    equal([item["id"] for item in shop.payments()], [payment])
    shop.agree(received)

with case("the same again is the first result: with its payment, and of another that it leaves"):
    same(post(good, header), first)
    same(post(good, kit_pay.pay_v2(offer(good), PAYER2)), first)
    problem(post(good), 402, "PAYMENT_REQUIRED")
    shop.restart()
    same(post(good, header), first)
    equal((len(shop.events("attestation.appraisal")), len(shop.payments())), (1, 1))
    shop.agree(received)

with case("the inclusion of what was bought is proved"):
    shop.covered(first["receipt"]["leaf_index"] + 1)
    path = f"/v1/receipts/{first['appraisalId']}/proof"
    one = shop.ok(f"/v1/attestation/appraisals/{first['appraisalId']}", token=shop.token)
    entry, proof = bytes.fromhex(one["proof"]["entry"]), one["proof"]
    head = shop.checkpoint(proof["checkpoint"])
    assert kit_tree.inclusion_holds(proof["leaf_index"], head.size, kit_tree.leaf_hash(entry),
                                    kit_tree.unhex(proof["path"]), head.root), proof
    equal(entry[:32].hex(), first["appraisalId"])
    equal(proof["leaf_index"], first["receipt"]["leaf_index"])
    problem(shop.get(path), 402, "PAYMENT_REQUIRED")  # proofs are sold too
    equal(shop.ok(path, token=shop.token)["leaf_index"], proof["leaf_index"])

with case("with a transfer that the payer signs for, and the same again"):
    body = request()
    asked = offer(body)
    tx = chain.transfer(PAYER, unhex(asked.json()["x402"]["payment"]["recipient"]), PRICE)
    received += PRICE
    header = kit_pay.pay_proof(asked, tx, PAYER, body=body)
    answer = post(body, header)
    second = appraised(answer)
    settled(answer)
    assert second["appraisalId"] != first["appraisalId"]
    same(post(body, header), second)
    equal((len(shop.events("attestation.appraisal")), len(shop.payments())), (2, 2))
    shop.agree(received)

with case("a bad signature costs nothing: payment and nonce are good for a corrected request"):
    challenge = shop.challenge()
    bad = request(challenge, unsigned)
    header = kit_pay.pay_v2(offer(bad), PAYER)
    before = chain.balance(PAYER.address)
    answer = post(bad, header)
    equal(problem(answer, 422, "EVIDENCE_REFUSED", "evidences[0].signature")["step"], "signature")
    unpaid(answer)
    equal((chain.balance(PAYER.address), len(shop.payments())), (before, 2))
    shop.agree(received)
    answer = post(request(challenge), header)
    appraised(answer)
    received += PRICE
    settled(answer)
    equal(chain.balance(PAYER.address), before - PRICE)
    shop.agree(received)

with case("the same of a transfer: it pays for what is right"):
    challenge = shop.challenge()
    bad, body = request(challenge, unsigned), request(challenge)
    asked = offer(bad)
    tx = chain.transfer(PAYER, unhex(asked.json()["x402"]["payment"]["recipient"]), PRICE)
    received += PRICE
    answer = post(bad, kit_pay.pay_proof(asked, tx, PAYER, body=bad))
    problem(answer, 422, "EVIDENCE_REFUSED", "evidences[0].signature")
    unpaid(answer)
    equal(len(shop.payments()), 3)
    answer = post(body, kit_pay.pay_proof(offer(body), tx, PAYER, body=body))
    appraised(answer)
    settled(answer)
    shop.agree(received)

with case("a used nonce costs nothing, and another policy is another request"):
    challenge = shop.challenge()
    body = request(challenge)
    answer = post(body, kit_pay.pay_v2(offer(body), PAYER))
    appraised(answer)
    received += PRICE
    other = request(challenge, spoil=unsigned)
    header = kit_pay.pay_v2(offer(other), PAYER2)
    answer = post(other, header)
    problem(answer, 422, "NONCE_USED", "sessionId")
    unpaid(answer)
    shop.agree(received)
    policy = shop.put("policies", kit_attest.policy("others", types=["mock"]))
    answer = post(json.dumps({**json.loads(body), "policyId": policy}).encode(), header)
    problem(answer, 422, "NONCE_USED", "sessionId")
    unpaid(answer)
    own = request(policyId=policy)
    answer = post(own, kit_pay.pay_v2(offer(own), PAYER))
    chosen = appraised(answer)
    received += PRICE
    settled(answer)
    same(post(own, header), chosen)
    fresh = request()
    answer = post(fresh, header)
    appraised(answer)
    received += PRICE
    settled(answer)
    shop.agree(received)


def race(bodies):
    """Two at once, each with a payment of its own, while neither is logged. The answer that won,
    the other one, and what the other paid with."""
    headers = [kit_pay.pay_v2(offer(body), wallet) for body, wallet in
               zip(bodies, (PAYER, PAYER2))]
    chain.set_automine(False)
    threads, answers = [], [None, None]

    def buy(i):
        client = kit.Client(shop.port)
        answers[i] = post(bodies[i], headers[i], client=client)
        client.close()
    for i in range(2):
        threads.append(threading.Thread(target=buy, args=(i,)))
        threads[i].start()
    kit.wait_for(lambda: len(shop.payments(status="pending")) == 2, what="the intents")
    chain.set_automine(True)
    for thread in threads:
        thread.join()
    second = 0 if answers[1].status == 201 else 1
    return answers[1 - second], answers[second], headers[second]


with case("two race for one nonce: one is served, the other's payment stays good"):
    challenge = shop.challenge()
    body = request()
    for bodies in ((request(challenge), request(challenge)),
                   (body, json.dumps({**json.loads(body), "policyId": policy}).encode())):
        assert bodies[0] != bodies[1]
        won, lost, header = race(bodies)
        received += 2 * PRICE
        appraised(won)
        settled(won)
        problem(lost, 422, "NONCE_USED", "sessionId")
        payment = settled(lost, served=False)
        shop.agree(received)
        answer = post(request(), header)
        appraised(answer)
        equal(settled(answer), payment)
        shop.agree(received)

with case("two race with the very same, each paid for: both have the one result"):
    body, events = request(), len(shop.events("attestation.appraisal"))
    won, second, _ = race((body, body))
    received += 2 * PRICE
    same(second, appraised(won))
    assert settled(won) != settled(second)
    equal(len(shop.events("attestation.appraisal")), events + 1)
    shop.agree(received)

with case("a token with scope attest does not pay, one of another does"):
    made = {}
    for scope in ("attest", "audit"):
        answer = shop.post("/v1/tokens", {"name": scope, "scopes": [scope]}, token=shop.token)
        made[scope] = answer.json()["token"]
    free = request()
    problem(post(free, token=made["audit"]), 402, "PAYMENT_REQUIRED")
    answer = post(free, token=made["attest"])
    appraised(answer)
    unpaid(answer)
    problem(post(free, token=made["attest"]), 422, "NONCE_USED", "sessionId")
    shop.agree(received)

with case("in the end: chain, payments and events agree"):
    equal(chain.balance(PAYEE.address), received)
    equal(len(shop.payments(limit=1000)) * PRICE, received)
    # One was free, one was paid for twice.
    equal(len(shop.events("attestation.appraisal")), received // PRICE)

shop.stop()
agent.stop()
chain.close()
kit.done()
