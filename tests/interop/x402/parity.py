#!/usr/bin/env python3
"""The stand-in chain of the main tests against a real node: the same story told to both, and what
each says of it member by member (numbers of gas, hashes of blocks and the like aside).

usage: parity.py     LUCID_ANVIL names the node's program."""

import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e"))

# pylint: disable=wrong-import-position
import kit
import kit_chain
import kit_pay
from kit import case, equal
from kit_chain import FACILITATOR, PAYEE, PAYER, STRANGER, TOKEN
from kit_evm import enhex, selector, word

NONCE, CANCELED = bytes(range(32)), bytes(range(1, 33))
# What a payee looks at; the rest of an answer is the node's own.
RECEIPT = ("status", "transactionHash", "from", "to", "type")
LOG = ("address", "topics", "data", "transactionHash", "removed")


def ask(chain, method, *params):
    """The result, or ("error", code, message)."""
    question = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    request = urllib.request.Request(chain.url, json.dumps(question).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        found = json.load(answer)
    equal((found["jsonrpc"], found["id"]), ("2.0", 7))
    if "error" in found:
        return ("error", found["error"]["code"])
    return found["result"]


def receipt(chain, tx):
    found = ask(chain, "eth_getTransactionReceipt", enhex(tx))
    assert found is not None and {"blockHash", "blockNumber", "gasUsed"} <= set(found)
    block = ask(chain, "eth_getBlockByNumber", found["blockNumber"], False)
    equal(block["hash"], found["blockHash"], "the block of a receipt")
    assert {"timestamp", "baseFeePerGas", "parentHash"} <= set(block)
    return ({name: found[name] for name in RECEIPT},
            [{name: log[name] for name in LOG} for log in found["logs"]])


def call(chain, text, *words, sender=STRANGER):
    return ask(chain, "eth_call", {"to": enhex(TOKEN), "from": enhex(sender.address),
                                   "data": enhex(selector(text) + b"".join(words))}, "latest")


def story(chain):
    said = []
    say = said.append
    plain = chain.transfer(PAYER, PAYEE.address, 10000)
    say(("transfer", receipt(chain, plain)))
    signed = kit_pay.authorize(PAYER, PAYEE.address, 777, nonce=NONCE, before=2**40)
    say(("authorization", receipt(chain, chain.spend(STRANGER, signed))))
    say(("again", receipt(chain, chain.spend(STRANGER, signed))))
    high = dict(signed, nonce=CANCELED)
    say(("another's signature", receipt(chain, chain.spend(STRANGER, high))))
    say(("cancel", receipt(chain, chain.cancel(PAYER, CANCELED))))
    say(("too much", receipt(chain, chain.transfer(PAYER, PAYEE.address, 10**12))))
    state = "authorizationState(address,bytes32)"
    for nonce in (NONCE, CANCELED, bytes(32)):
        say(call(chain, state, word(PAYER.address), nonce))
    say(call(chain, "DOMAIN_SEPARATOR()"))
    for wallet in (PAYER, PAYEE):
        say(call(chain, "balanceOf(address)", word(wallet.address)))
    say(("reverts", call(chain, "transfer(address,uint256)", word(PAYEE.address), word(10**12))))
    say(ask(chain, "eth_chainId"))
    say(ask(chain, "eth_getTransactionReceipt", "0x" + "11" * 32))
    say(ask(chain, "eth_getCode", enhex(STRANGER.address), "latest"))
    say(len(ask(chain, "eth_getCode", enhex(TOKEN), "latest")) > 2)
    say(ask(chain, "eth_getBlockByNumber", "0xffffff", False))
    say(("unknown method", ask(chain, "eth_nothing")))
    say(ask(chain, "eth_sendRawTransaction", "0x02")[0])
    found = ask(chain, "eth_getLogs", {
        "address": enhex(TOKEN), "fromBlock": "0x0", "toBlock": "latest",
        "topics": [enhex(kit_chain.USED), enhex(word(PAYER.address)), enhex(NONCE)]})
    say([{name: log[name] for name in LOG} for log in found])
    count = chain.nonce(PAYER.address)
    chain.set_automine(False)
    waiting = chain.transfer(PAYER, PAYEE.address, 5)
    say(("waiting", chain.is_mined(waiting), chain.nonce(PAYER.address) - count))
    chain.set_automine(True)
    say(("mined", chain.is_mined(waiting), chain.balance(PAYEE.address)))
    lost = chain.transfer(PAYER, PAYEE.address, 9)
    chain.reorg(1, drop=[lost])
    say(("reorganised", chain.is_mined(lost), chain.balance(PAYEE.address)))
    head = int(ask(chain, "eth_getBlockByNumber", "latest", False)["number"], 16)
    for tag in ("safe", "finalized"):
        say((tag, head - int(ask(chain, "eth_getBlockByNumber", tag, False)["number"], 16)))
    say(ask(chain, "eth_getBalance", enhex(FACILITATOR.address), "latest") > "0x")
    batch = chain.batch(PAYER, [(PAYEE.address, 1), (STRANGER.address, 2), (PAYEE.address, 3)])
    say(("batch", [{name: log[name] for name in ("address", "topics", "data")}
                   for log in receipt(chain, batch)[1]]))
    return said


with case("the stand-in and a real node tell the same story"):
    with kit_chain.Chain() as stand_in, kit_chain.chain() as real:
        assert real.real, "LUCID_ANVIL is not set"
        for ours, theirs in zip(story(stand_in), story(real), strict=True):
            equal(ours, theirs)
kit.done()
