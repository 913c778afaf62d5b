"""A service that is a facilitator for other x402 servers, and what its clients ask."""

import json
import os

import kit
import kit_pay
from kit import equal
from kit_chain import FACILITATOR, NETWORK, Wallet

MERCHANT = Wallet("merchant")
RESERVE = 150000 * 100 * 10 ** 9  # gas_limit × max_fee of the networks file's defaults
VERIFY, SETTLE = "/v1/x402/verify", "/v1/x402/settle"


class Facilitator(kit.Service):
    """A service with a gas key whose clients are given by name: {"shop": {members}}."""

    init_flags = ("--test",)

    def __init__(self, chain, clients, **settings):
        super().__init__(start=False, head_interval_ms=50, reconcile_ms=200, **settings)
        self.chain = chain
        self.settings["x402_networks_file"] = kit_pay.networks_file(
            self.base, chain.network(gas_key=FACILITATOR))
        self.path = os.path.join(self.base, "clients.json")
        self.tokens = {}
        self.start()
        for name in clients:
            self.new_client(name)
        self.stop()
        self.settings["x402_clients_file"] = self.path
        self.clients_write(clients)
        self.start()

    def new_client(self, name, scopes=("facilitate",)):
        answer = self.client.request("POST", "/v1/tokens", {"name": name, "scopes": list(scopes)},
                                     token=self.token)
        equal(answer.status, 201, repr(answer))
        self.tokens[name] = answer.json()
        return answer.json()["token"]

    def clients_write(self, clients):
        entries = [{"name": name, "token": self.tokens[name]["id"], "networks": [NETWORK],
                    "pay_to": [MERCHANT.text], "verifies_per_minute": 1000,
                    "settles_per_minute": 1000, "gas_wei_per_day": str(100 * RESERVE), **members}
                   for name, members in clients.items()]
        with open(self.path, "w", encoding="ascii") as file:
            json.dump({"clients": entries}, file)

    def ask(self, path, body, name="shop", client=None):
        return (client or self.client).request("POST", path, body,
                                               token=self.tokens[name]["token"])

    def verify(self, body, name="shop"):
        answer = self.ask(VERIFY, body, name)
        equal(answer.status, 200, repr(answer))
        return answer.json()

    def settle(self, body, name="shop", client=None):
        answer = self.ask(SETTLE, body, name, client)
        equal(answer.status, 200, repr(answer))
        return answer.json()

    def facilitations(self, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.ok("/v1/x402/facilitations" + (f"?{text}" if text else ""),
                       token=self.token)["items"]

    def events(self, kind="facilitation."):
        answer = self.get("/v1/events", token=self.token)
        return [event for event in answer.lines() if event["type"].startswith(kind)]

    def gas(self):
        """What strangers must not move: nonce and balance of the gas account."""
        address = FACILITATOR.address
        return (self.chain.nonce(address),
                int(self.chain.rpc("eth_getBalance", [FACILITATOR.text, "latest"]), 16))
