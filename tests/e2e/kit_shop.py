"""A service that sells inclusion proofs for USDC on a test chain, and what its buyers ask."""

import os

import kit
import kit_books
import kit_pay
import kit_receipts
from kit_chain import FACILITATOR, NETWORK, PAYEE
from kit_evm import unhex

ASSET, PRICE = "proofs", 10000


class Shop(kit.Service):
    """kit.Service with a price on the class `proof` (or others: {"receipt": "writes"}), one asset
    and price for all of them, one covered receipt to ask a proof of, and a gas key unless gas is
    False. networks: entries of the networks file (default: the chain's)."""

    def __init__(self, chain, classes=None, gas=True, networks=None, price=PRICE, shop=None,
                 start=True, **settings):
        self.chain, self.classes = chain, classes or {"proof": ASSET}
        self.price = price
        super().__init__(start=False, head_interval_ms=50)
        more = {"gas_key": FACILITATOR} if gas else {}
        self.networks_path = kit_pay.networks_file(self.base, *(networks or
                                                                [chain.network(**more)]))
        self.settings.update({f"price_class.{name}": asset for name, asset in self.classes.items()})
        self.settings.update({"x402_networks_file": self.networks_path, "reconcile_ms": 200})
        self.settings.update(settings)
        self.signer = self.run_id = self.proof_path = None
        if start:
            self.open(shop)

    def open(self, shop=None):
        """Starts, sets prices, logs a receipt. shop: another front end, whose run_id is taken."""
        self.start()
        for asset in set(self.classes.values()):
            self.set_price(asset)
        self.signer = self.new_signer("shop")
        if "receipt" in self.classes:
            return self
        self.run_id = shop.run_id if shop else "run_shop_" + os.urandom(6).hex()
        body = kit_receipts.Maker("shop").body("inference", run_id=self.run_id)
        kit.equal(self.submit(self.signer.seal(body)).status, 201)
        self.covered(1)
        self.proof_path = f"/v1/receipts/{self.run_id}/proof"
        return self

    def set_price(self, asset=ASSET, price=None, **members):
        body = {"price_per_call": str(price or self.price), "network": NETWORK,
                "pay_to": PAYEE.text, "compute_payee": "compute-1", "model_payee": "model-1",
                **members}
        answer = self.client.request("PUT", f"/v1/assets/{asset}/pricing", body, token=self.token)
        assert answer.status in (200, 201), answer
        return answer.json()

    def offer(self, path=None, method="GET", body=None, client=None):
        """The 402 of a request without payment."""
        answer = (client or self.client).request(method, path or self.proof_path, body)
        kit.problem(answer, 402, "PAYMENT_REQUIRED")
        return answer

    def show(self, header, path=None, method="GET", body=None, client=None, **more):
        """The same request with a payment header (a pair)."""
        return (client or self.client).request(method, path or self.proof_path, body,
                                               {header[0]: header[1], **more})

    def buy(self, wallet, path=None, pay=kit_pay.pay_v2):
        answer = self.show(pay(self.offer(path), wallet), path)
        kit.equal(answer.status, 200, repr(answer))
        return answer

    def transfer_proof(self, wallet, path=None, value=None):
        """A 402, a plain transfer for it, and the header that shows it."""
        asked = self.offer(path)
        payment = asked.json()["x402"]["payment"]
        tx = self.chain.transfer(wallet, unhex(payment["recipient"]),
                                 int(payment["amount"]) if value is None else value)
        return kit_pay.pay_proof(asked, tx, wallet)

    def payments(self, **query):
        """What the gate has taken, oldest first."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.ok("/v1/payments" + (f"?{text}" if text else ""), token=self.token)["items"]

    def events(self, kind=""):
        """All events whose type begins with kind."""
        answer = self.get("/v1/events", token=self.token)
        kit.equal(answer.status, 200)
        return [event for event in answer.lines() if event["type"].startswith(kind)]

    def audit(self):
        """The whole books worked out again from the events, every posting checked; the books."""
        books = kit_books.Books()
        for event in self.events():
            books.feed(event)
        for unit, (debits, credits_) in books.sums.items():
            kit.equal(debits, credits_, unit)
        for name in books.accounts:
            if name.endswith(":USDC"):
                kit.equal(self.balance(name), books.balance(name), name)
        return books

    def balance(self, account):
        answer = self.get(f"/v1/accounts/{account}", token=self.token)
        if answer.status == 404:
            return 0
        kit.equal(answer.status, 200, repr(answer))
        return int(answer.json()["balance"])

    def split(self):
        """(compute, model, protocol, clearing) as the books have them."""
        return tuple(self.balance(name) for name in (
            "payee:compute-1:USDC", "payee:model-1:USDC", "revenue:protocol:USDC",
            "clearing:direct:USDC"))

    def agree(self, received):
        """What the payee has on the chain is what the books have, split 70/20/10, to the unit."""
        kit.equal(self.chain.balance(PAYEE.address), received, "on the chain")
        compute, model, protocol, clearing = self.split()
        kit.equal(clearing, received, "in the books")
        kit.equal(compute + model + protocol, received, "split")
        kit.equal((compute, model, protocol),
                  (received * 7 // 10, received * 2 // 10, received // 10), "70/20/10")
