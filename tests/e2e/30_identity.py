#!/usr/bin/env python3
"""The same receipt is one receipt: replays, conflicts, races, restarts, revocation."""

import threading

import kit
from kit import case, equal
from kit_receipts import Maker

STEADY = ("receipt_hash", "run_id", "leaf_index", "sequence", "epoch", "logged_at")

maker = Maker("30")
service = kit.Service()
signer = service.new_signer("s")
other = service.new_signer("t")


def steady(placement):
    return {name: placement[name] for name in STEADY}


def race(envelope, clients, attempts=1):
    """All clients post the same receipt at the same moment; (status, placement) of each."""
    barrier = threading.Barrier(clients)
    results = []

    def post():
        client = kit.Client(service.port)
        client.get("/healthz")
        barrier.wait(30)
        for _ in range(attempts):
            answer = client.post("/v1/receipts", envelope.wire())
            results.append((answer.status, answer.json()))
        client.close()
    threads = [threading.Thread(target=post) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * kit.SLOW)
    equal(len(results), clients * attempts)
    return results


def check_replays(envelopes, placements):
    before = service.size()
    for envelope, placement in zip(envelopes, placements):
        answer = service.submit(envelope)
        equal(answer.status, 200, repr(answer))
        got = answer.json()
        equal((steady(got), got["replayed"]), (steady(placement), True))
    lines = service.batch_ok(envelopes, statuses=(200,))
    equal([steady(line) for line in lines], [steady(p) for p in placements])
    equal({line["replayed"] for line in lines}, {True})
    equal(service.size(), before)


envelopes, placements = [], []


def keep(envelope, placement):
    envelopes.append(envelope)
    placements.append(placement)


with case("the same receipt again: 201, then 200 with the first placement, replayed"):
    envelope = signer.seal(maker.body())
    first = service.submit(envelope)
    equal((first.status, first.json()["replayed"]), (201, False))
    keep(envelope, first.json())
    check_replays(envelopes, placements)

with case("in another form on the wire it is still the same"):
    loose = envelope.members()
    loose["body"] = dict(reversed(list(loose["body"].items())))
    answer = service.post("/v1/receipts", loose)
    equal((answer.status, steady(answer.json())), (200, steady(placements[0])))

with case("a replay by a signature that does not hold is refused"):
    members = {**envelope.members(), "receipt_signature": "1" * 128}
    kit.problem(service.post("/v1/receipts", members), 422, "SIGNATURE_INVALID",
                "receipt_signature")

with case("the same hash by another signer: 409"):
    kit.problem(service.submit(other.seal(envelope.body)), 409, "RUN_ID_CONFLICT", "body.run_id")

with case("the same run_id with other content: 409, by the same signer and by another"):
    body = {**envelope.body, "trace_id": "changed"}
    for one in (signer, other):
        kit.problem(service.submit(one.seal(body)), 409, "RUN_ID_CONFLICT", "body.run_id")
    got = service.ok("/v1/receipts/" + envelope.run_id, token=service.token)
    equal(got["body"], envelope.body)

with case("a hash in the place of a run_id cannot be had: 64 hex digits are none"):
    body = maker.body(run_id=envelope.hash)
    kit.problem(service.submit(signer.seal(body)), 422, "INVALID_RECEIPT", "body.run_id")

with case("twice within one batch: 201, then 200"):
    twice = signer.seal(maker.body())
    between = signer.seal_all(maker.bodies(30))
    lines = service.batch_ok([twice, *between, twice, twice], statuses=(200, 201))
    equal([line["http_status"] for line in lines], [201] + [201] * 30 + [200, 200])
    equal([steady(line) for line in lines[-2:]], [steady(lines[0])] * 2)
    for one, line in zip([twice, *between], lines):
        keep(one, line)

with case("conflicts within one batch: the first wins, the others 409"):
    body = maker.body("tool")
    lines = service.batch([signer.seal(body), other.seal(body),
                           signer.seal({**body, "success": False}), signer.seal(body)]).lines()
    equal([line["http_status"] for line in lines], [201, 409, 409, 200])
    equal([line.get("code") for line in lines], [None] + ["RUN_ID_CONFLICT"] * 2 + [None])
    keep(signer.seal(body), lines[0])

for clients in (2, 8):
    with case(f"{clients} clients race with one receipt, 40 times: one 201, the rest 200"):
        for _ in range(40):
            envelope = signer.seal(maker.body())
            results = race(envelope, clients)
            equal(sorted(status for status, _ in results), [200] * (clients - 1) + [201])
            equal(len({str(steady(placement)) for _, placement in results}), 1)
            for status, placement in results:
                equal(placement["replayed"], status == 200)
            keep(envelope, results[0][1])

with case("two race for one run_id with different content, 40 times: one 201, one 409"):
    for _ in range(40):
        body = maker.body("tool")
        pair = [signer.seal(body), other.seal({**body, "success": False})]
        results = [None, None]

        def one(number):
            answer = kit.Client(service.port).post("/v1/receipts", pair[number].wire())
            results[number] = (answer.status, answer.json())
        threads = [threading.Thread(target=one, args=(n,)) for n in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30 * kit.SLOW)
        equal(sorted(status for status, _ in results), [201, 409])
        winner = [status for status, _ in results].index(201)
        got = service.ok("/v1/receipts/" + body["run_id"], token=service.token)
        equal(got["receipt_hash"], pair[winner].hash)
        if winner == 0:
            keep(pair[0], results[0][1])

with case("eight clients race with the same batch of 200: each receipt is there once"):
    batch = signer.seal_all(maker.bodies(200))
    before = service.size()
    results = []

    def send():
        client = kit.Client(service.port)
        results.append(client.post("/v1/receipts/batch",
                                   b"\n".join(e.wire() for e in batch)).lines())
        client.close()
    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * kit.SLOW)
    equal(service.size(), before + 200)
    for column in zip(*results):
        equal(sorted(line["http_status"] for line in column), [200] * 7 + [201])
        equal(len({str(steady(line)) for line in column}), 1)
    for envelope, line in zip(batch, results[0]):
        keep(envelope, line)

with case(f"all {len(envelopes)} again after a restart"):
    service.restart()
    check_replays(envelopes, placements)

with case("after a kill -9"):
    service.kill()
    service.start()
    check_replays(envelopes, placements)

with case("after revocation: a replay is 200, a new receipt 403 SIGNER_REVOKED"):
    answer = service.post(f"/v1/signers/{signer.key}/revoke", token=service.token)
    equal((answer.status, answer.json()["status"]), (200, "revoked"))
    check_replays(envelopes, placements)
    new = signer.seal(maker.body())
    kit.problem(service.submit(new), 403, "SIGNER_REVOKED", "signer_pubkey")
    line, = service.batch([new]).lines()
    equal((line["http_status"], line["code"]), (403, "SIGNER_REVOKED"))
    equal(service.submit(other.seal(maker.body())).status, 201)

with case("a revoked key is never active again"):
    answer = service.post("/v1/signers", {"signer_pubkey": signer.key, "name": "s",
                                          "signer_type": "orchestrator"}, token=service.token)
    equal((answer.status, answer.json()["code"]), (403, "SIGNER_REVOKED"))
    service.restart()
    kit.problem(service.submit(new), 403, "SIGNER_REVOKED", "signer_pubkey")
    check_replays(envelopes, placements)

with case("old receipts of a revoked signer still verify"):
    equal(service.ok(f"/v1/receipts/{envelopes[0].hash}/verify")["valid"], True)

service.stop()
kit.done()
