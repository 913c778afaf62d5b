#!/usr/bin/env python3
"""Two front ends share one Redis: a payment is used once on both of them, whoever is killed,
whatever Redis loses."""

import os
import shutil
import threading
import time

import kit
import kit_chain
import kit_pay
import kit_redis
from kit import case, equal, problem
from kit_chain import FACILITATOR, PAYEE, PAYER, PAYER2, STRANGER
from kit_evm import enhex, selector
from kit_shop import ASSET, PRICE, Shop

if kit_redis.PROGRAM is None:
    kit.skip("two front ends and one Redis", "there is no redis-server")
    kit.done()

CLIENTS = 64
redis = kit_redis.Redis()
chain = kit_chain.chain()
endpoints = {"a": chain.endpoint, "b": chain.add_endpoint()}
gas = {"a": FACILITATOR, "b": STRANGER}
shops = {}
received = 0


def network(name):
    return chain.network(gas_key=gas[name], rpc=[endpoints[name].url])


def end_of(shop, header, path=None):
    """The answer once it is not 503 any more."""
    def probe():
        answer = shop.show(header, path, client=kit.Client(shop.port))
        return answer if answer.status != 503 else None
    return kit.wait_for(probe, 20, "an end", every=0.05)


for name in ("a", "b"):
    shops[name] = Shop(chain, networks=[network(name)], start=False,
                       public_url="https://ledger.example", spent_store="redis",
                       redis_url=redis.url, redis_members="a,b", redis_self=name,
                       redis_timeout_ms=1000)
    if name == "b":  # what one asks for the other must understand
        shutil.copy(os.path.join(shops["a"].data, "x402.keys"), shops["b"].data)
    shops[name].open(shops.get("a") if name == "b" else None)
for shop in shops.values():
    kit.wait_for(lambda s=shop: s.ok("/readyz") == {"status": "ready"}, what="readiness")
a, b = shops["a"], shops["b"]


def crowd(header, clients=CLIENTS, seconds=25):
    """That header by so many clients at the same moment, half of them at each front end. A client
    that is told to come again does; (front end's name, last answer) of each."""
    barrier = threading.Barrier(clients)
    answers = [None] * clients

    def run(number):
        name = "ab"[number % 2]
        end = time.monotonic() + seconds * kit.SLOW
        barrier.wait(60)
        while time.monotonic() < end:
            try:
                client = kit.Client(shops[name].port)
                answers[number] = (name, shops[name].show(header, client=client))
                client.close()
                if answers[number][1].status != 503:
                    return
            except OSError:
                pass  # killed
            time.sleep(0.1)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def settled_events():
    return {name: len(shop.events("payment.settled")) for name, shop in shops.items()}


def one_more(answers, before):
    """Exactly one payment came of it: those at its front end were served, all others refused."""
    global received
    received += PRICE
    grew = [n for n, count in settled_events().items() if count != before[n]]
    equal(len(grew), 1, "front ends with a new payment")
    winner = grew[0]
    equal(settled_events()[winner], before[winner] + 1)
    for name, answer in answers:
        if name == winner:
            equal(answer.status, 200, repr(answer))
        else:
            problem(answer, 409, "PAYMENT_ALREADY_SPENT", answer.json().get("param"))
    equal(len({answer.header("X-Payment-Id") for n, answer in answers if n == winner}), 1)
    together()
    return winner


def together():
    """The payee has on the chain what both books have."""
    equal(chain.balance(PAYEE.address), received, "on the chain")
    equal(sum(shop.split()[3] for shop in shops.values()), received, "in the books")


for kind, make in (("v2", lambda: kit_pay.pay_v2(a.offer(), PAYER)),
                   ("v1", lambda: kit_pay.pay_v1(b.offer(), PAYER2)),
                   ("a signed transfer", lambda: a.transfer_proof(PAYER))):
    with case(f"{CLIENTS} clients at once on two front ends, {kind}: one new payment"):
        known = settled_events()
        used = make()
        kit.note("paid at " + one_more(crowd(used), known))

with case("one payment for two things at two front ends: one is served"):
    known = settled_events()
    header = kit_pay.pay_v1(a.offer(), PAYER)
    other = a.proof_path + "?tree_size=1"
    answers = [None, None]

    def ask(number):
        name = "ab"[number]
        answers[number] = (name, end_of(shops[name], header, [None, other][number]))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(answer.status for _, answer in answers), [200, 409])
    one_more(answers, known)

with case("spent at another member: 409, and nothing is asked of the chain"):
    header = kit_pay.pay_v2(a.offer(), PAYER)
    equal(a.show(header).status, 200)
    received += PRICE
    asked = len(endpoints["b"].asked)
    problem(b.show(header), 409, "PAYMENT_ALREADY_SPENT", header[0])
    sent = [method for method, _ in endpoints["b"].asked[asked:]]
    assert "eth_sendRawTransaction" not in sent and "eth_call" not in sent, sent
    together()

with case("a transfer that was recorded by hand at one is spent at the other"):
    for name, index in (("one log of it", 0), ("all of it", None)):
        asked = b.offer()
        tx = chain.transfer(PAYER, PAYEE.address, PRICE)
        received += PRICE
        body = {"external_id": f"by-hand {name}", "asset": ASSET, "amount": str(PRICE),
                "facilitator": "direct", "network": kit_chain.NETWORK, "transaction": enhex(tx)}
        if index is not None:
            body["log_index"] = index
        equal(a.post("/v1/payments", body, token=a.token).status, 201)
        key = f"{kit_chain.NETWORK}/{enhex(tx)}/{'all' if index is None else index}"
        kit.wait_for(lambda k=key: redis.do("EXISTS", "lucid{spent}:k:" + k) == ":1", what=key)
        problem(b.show(kit_pay.pay_proof(asked, tx, PAYER)), 409, "PAYMENT_ALREADY_SPENT",
                "X-Payment-Proof")
    together()

with case("Redis restarted empty: a replay is still refused"):
    redis.empty()
    answer = b.show(header)
    assert answer.status in (409, 503), answer
    problem(end_of(b, header), 409, "PAYMENT_ALREADY_SPENT", header[0])
    equal(a.show(header).status, 200, "the same again where it was paid")
    problem(a.show(header, a.proof_path + "?tree_size=1"), 409, "PAYMENT_ALREADY_SPENT", header[0])
    fresh = kit_pay.pay_v2(b.offer(), PAYER)
    equal(end_of(b, fresh).status, 200)
    received += PRICE
    problem(end_of(a, fresh), 409, "PAYMENT_ALREADY_SPENT", fresh[0])
    together()

with case("emptied while a member is down: nobody sells until it has come back"):
    a.kill()
    redis.do("FLUSHALL")
    fresh = kit_pay.pay_v2(b.offer(), PAYER)
    for _ in range(3):
        problem(b.show(header), 503, "PAYMENT_UNAVAILABLE")
        problem(b.show(fresh), 503, "PAYMENT_UNAVAILABLE")
    a.start()
    problem(end_of(b, header), 409, "PAYMENT_ALREADY_SPENT", header[0])
    equal(end_of(b, fresh).status, 200)
    received += PRICE
    together()

with case("Redis away: 503 and nothing is consumed; the log still answers for itself"):
    redis.kill()
    later = kit_pay.pay_v2(a.offer(), PAYER)
    proof = a.transfer_proof(PAYER2)
    problem(a.show(later), 503, "PAYMENT_UNAVAILABLE")
    problem(b.show(proof), 503, "PAYMENT_UNAVAILABLE")
    equal(a.show(header).status, 200)
    equal(a.get("/healthz").status, 200)
    redis.start()
    equal(end_of(a, later).status, 200)
    problem(end_of(b, later), 409, "PAYMENT_ALREADY_SPENT", later[0])
    equal(end_of(b, proof).status, 200)
    problem(end_of(a, proof), 409, "PAYMENT_ALREADY_SPENT", proof[0])
    received += 2 * PRICE
    together()

# --- the winner is killed -----------------------------------------------------------------------


class Killer:
    """Kills whichever front end first comes to a point of a payment."""

    def __init__(self, point, known):
        self.point, self.known = point, known
        self.lock, self.victim, self.meanwhile = threading.Lock(), None, None
        for name, endpoint in endpoints.items():
            endpoint.fault = lambda method, params, n=name: self.seen(n, method, params)

    def seen(self, name, method, params):
        with self.lock:
            if self.victim:
                return None
            data = params[0].get("data", "") if method == "eth_call" else ""
            if self.point == "claim":  # the first question about the authorization
                hit = data.startswith(enhex(selector("authorizationState(address,bytes32)")))
            else:
                hit = method == "eth_sendRawTransaction"
            if not hit:
                return None
            self.victim = name
            if self.point == "record":
                # Its log has the payment, and Redis is not told.
                redis.do("CLIENT", "PAUSE", "900", "WRITE")
                threading.Thread(target=self.kill_recorded, args=(name,)).start()
                return None
            if self.point == "settle":  # it is on its way, and who sent it does not learn it
                chain.rpc(method, params)
            shops[name].process.kill()
            return b""

    def kill_recorded(self, name):
        client = kit.Client(shops[name].port)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            listed = client.get("/v1/payments?status=settled&limit=1000", token=shops[name].token)
            if len(listed.json()["items"]) > self.known[name]:
                break
        shops[name].process.kill()

    def done(self):
        for endpoint in endpoints.values():
            endpoint.fault = None


for point in ("claim", "intent", "settle", "record"):
    with case(f"killed at {point}, {CLIENTS} clients on two front ends: one payment in the end"):
        known = settled_events()
        header = kit_pay.pay_v2(a.offer(), PAYER)
        killer = Killer(point, known)

        def restart():
            kit.wait_for(lambda: killer.victim, 20, "the point")
            victim = shops[killer.victim]
            victim.process.wait(20)
            killer.done()
            time.sleep(1)  # the other one has all its clients asking
            other = "b" if killer.victim == "a" else "a"
            killer.meanwhile = len(shops[other].events("payment.settled")) - known[other]
            port = victim.port
            victim.kill()
            victim.start(listen=f"127.0.0.1:{port}")

        helper = threading.Thread(target=restart)
        helper.start()
        answers = crowd(header)
        helper.join()
        equal(killer.meanwhile, 0, "payments at the other one while it was dead")
        winner = one_more(answers, known)
        kit.note(f"killed {killer.victim}, paid at {winner}")
        if point != "claim":
            equal(winner, killer.victim)

with case("the whole books agree with the chain"):
    for shop in shops.values():
        shop.audit()
    together()

for shop in shops.values():
    shop.stop()

with case("it does not start on a Redis that may lose proofs"):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in a.settings.items()]
    for change, back, text in (
            (("maxmemory-policy", "allkeys-lru"), ("maxmemory-policy", "noeviction"), "noeviction"),
            (("appendonly", "no"), ("appendonly", "yes"), "appendonly yes"),
            (("requirepass", "s3cret"), None, "Authentication required")):
        redis.do("CONFIG", "SET", *change)
        kit.refuses_to_start(a.data, text, *flags)
        if back:
            redis.do("CONFIG", "SET", *back)
    path = os.path.join(a.base, "redis.password")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("s3cret\n")
    a.start(redis_password_file=path)
    kit.wait_for(lambda: "x402.spent.ready" in a.log_text(), what="readiness with the password")
    assert "s3cret" not in a.log_text()
    a.stop()

redis.kill()
chain.close()
kit.done()
