#!/usr/bin/env python3
"""Appraisals when the ground gives way: kill -9 at random moments, and a store without room. What
was answered is there with all that it was made of and replays; what was not is there whole or not
at all, and then its challenge is still good."""

import http.client
import os
import random
import threading
import time

import kit
import kit_attest
from kit import case, equal, problem
from kit_attest import binding, b64, evidence_of, runtime_data

MIB = 1 << 20
WITH = ("--plugins", "verifier", "--plugins-dir", kit_attest.PLUGINS)
PATH = "/v1/attestation/appraisals/"
seed = int(os.environ.get("LUCID_SEED", "0")) or random.randrange(1 << 32)
kit.note(f"LUCID_SEED={seed}")
chance = random.Random(seed)
agent = kit_attest.Agent()
service = kit_attest.Verifier(roots=(agent.root,), head_interval_ms=50, store_bytes_max=256 * MIB)
acked = {}  # session → id


def prepared(log_bytes):
    """A request that nobody has sent yet."""
    challenge = service.challenge()
    runtime = runtime_data(challenge)
    return {"sessionId": challenge["sessionId"], "runtimeData": b64(runtime),
            "evidences": [evidence_of("mock", agent.evidence(binding(runtime)),
                                      eventLog=b64(chance.randbytes(log_bytes)))]}


def send(request, client=None):
    return (client or service.client).post("/v1/attestation/appraise", request,
                                           token=service.token)


def listed():
    found, cursor = [], None
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        page = service.ok(PATH.rstrip("/") + "?limit=1000" + more, token=service.token)
        found += [item["appraisalId"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def whole(name):
    """It is there, with everything, and comes out the same."""
    answer = service.post("/v1/attestation/replay", {"appraisalId": name}, token=service.token)
    equal((answer.status, answer.json().get("outcome")), (200, "same"), repr(answer))
    answer = service.get(PATH + name + "?bundle=1", token=service.token)
    equal(answer.status, 200, repr(answer)[:300])


def settle(request):
    """Sent again: as if for the first time, or it is on the log already, and whole."""
    answer = send(request)
    if answer.status == 201:
        return answer.json()["appraisalId"]
    body = problem(answer, 422, "NONCE_USED", "sessionId")
    name = body["appraisalId"]
    whole(name)
    return name


def fsck():
    service.stop()
    status, out, err = kit.lucid("log", "fsck", "--data", service.data, "--json", *WITH)
    equal(status, 0, repr((out, err)))
    service.start()


def one_round():
    requests = [prepared(chance.choice((100, 70000, 300000))) for _ in range(9)]
    answers = {}

    def sender(number):
        client = kit.Client(service.port, 20)
        try:
            for i in range(number, len(requests), 3):
                answers[i] = send(requests[i], client)
        except (OSError, EOFError, ValueError, http.client.HTTPException):
            pass
        client.close()
    threads = [threading.Thread(target=sender, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(chance.random() * 0.06 * kit.SLOW)
    service.kill()
    for thread in threads:
        thread.join(60)
    service.start()
    for i, request in enumerate(requests):
        if i in answers:
            equal(answers[i].status, 201, repr(answers[i]))
            name = answers[i].json()["appraisalId"]
            whole(name)
            equal(settle(request), name)
        else:
            name = settle(request)
        acked[request["sessionId"]] = name
    cut.append(len(requests) - len(answers))


cut = []

with case("kill -9 while evidence is appraised: whole or not at all"):
    for _ in range(12 if kit.SLOW == 1 else 4):
        one_round()
    kit.note(f"{len(acked)} sent, {sum(cut)} of them cut off")
    equal(sorted(listed()), sorted(acked.values()))
    fsck()
    for name in acked.values():
        whole(name)

with case("no room in the middle of appraisals: 507, and nothing half"):
    service.stop()
    service = kit_attest.Verifier(roots=(agent.root,), store_bytes_max=8 * MIB,
                                  disk_reserve_bytes=0)
    acked.clear()
    refused = []
    for _ in range(60):
        request = prepared(chance.choice((200000, 900000)))
        answer = send(request)
        if answer.status == 201:
            acked[request["sessionId"]] = answer.json()["appraisalId"]
            continue
        problem(answer, 507, "STORE_FULL")
        refused.append(request)
        if len(refused) == 3:
            break
    equal(len(refused), 3)
    assert len(acked) >= 3, acked
    equal(sorted(listed()), sorted(acked.values()))
    for name in acked.values():
        whole(name)

with case("with room again, after a kill -9: the refused ones, by the same challenges"):
    service.kill()
    service.start(store_bytes_max=64 * MIB)
    for name in acked.values():
        whole(name)
    for request in refused:
        answer = send(request)
        equal(answer.status, 201, repr(answer))
        acked[request["sessionId"]] = answer.json()["appraisalId"]
    equal(sorted(listed()), sorted(acked.values()))
    fsck()
    for name in acked.values():
        whole(name)

service.stop()
agent.stop()
kit.done()
