"""A local EVM chain with a USDC-like token for the payment tests.

`Chain` is a stand-in: one process, plain Python, as much of a node as a payee and its payers see:
blocks with hashes and times, receipts and logs, nonces, fees and replacement, a token with EIP-3009
whose checks are those of USDC's contract, reorganisations, and endpoints that may lie, hang or be
down. `Anvil` has the same face over a real node (LUCID_ANVIL names its program). `chain()` gives
whichever there is.

    with kit_chain.chain() as chain:
        network = chain.network()                    # an entry of the service's networks file
        tx = chain.transfer(PAYER, PAYEE.address, 10000)
"""

import atexit
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request

from kit_evm import (
    CANCEL_TYPE,
    N,
    address_of,
    domain_separator,
    eip55,
    enhex,
    keccak,
    quantity,
    read_transaction,
    recover,
    selector,
    sign,
    sign_transaction,
    signature_bytes,
    topic,
    transfer_digest,
    typed_digest,
    unhex,
    word,
)

CHAIN_ID = 84532
NETWORK = f"eip155:{CHAIN_ID}"
V1_NAME = "base-sepolia"
TOKEN = unhex("0x036CbD53842c5426634e7929541eC2318f3dCF7e")
OTHER_TOKEN = unhex("0x8c8609cb7776940d9530e877f17228d424454dc5")  # the same code, not USDC
SEPARATOR = domain_separator("USDC", "2", CHAIN_ID, TOKEN)
PROOF_SEPARATOR = domain_separator("Lucid ledger", "1", CHAIN_ID, TOKEN)
TRANSFER = topic("Transfer(address,address,uint256)")
USED = topic("AuthorizationUsed(address,bytes32)")
CANCELED = topic("AuthorizationCanceled(address,bytes32)")
SPEND = (
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,"
    "bytes32)"
)
SPEND_BYTES = (
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
)
GWEI = 10**9


class Wallet:
    """A test key: Keccak-256 of fixed words, worthless by construction."""

    def __init__(self, name):
        self.name = name
        self.secret = int.from_bytes(keccak(f"lucid-ledger test key: {name}".encode()), "big")
        self.address = address_of(self.secret)
        self.text = eip55(self.address)
        self.key_text = f"0x{self.secret:064x}"

    def sign(self, digest):
        return signature_bytes(*sign(self.secret, digest))


PAYER, PAYER2, PAYEE = Wallet("payer"), Wallet("payer2"), Wallet("payee")
FACILITATOR, STRANGER = Wallet("facilitator"), Wallet("stranger")
TREASURY = Wallet("treasury")
WALLETS = (PAYER, PAYER2, PAYEE, FACILITATOR, STRANGER, TREASURY)


class Revert(Exception):
    """A contract's call that fails, with its reason."""


class RpcError(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


# --- the token ----------------------------------------------------------------------------------


class Token:
    """State of one token contract; `call` runs a call and gives (result, logs)."""

    def __init__(self, address, separator):
        self.address, self.separator = address, separator
        self.balances, self.used = {}, set()
        self.lies = set()  # "no-log": a transfer succeeds, moves and says nothing; "no-move"
        self.contracts = {}  # wallets that are contracts (ERC-1271): the one signature each takes

    def copy(self):
        other = Token(self.address, self.separator)
        other.balances, other.used, other.lies = dict(self.balances), set(self.used), self.lies
        other.contracts = self.contracts
        return other

    def _log(self, first, *more, data=b""):
        return {"address": self.address, "topics": [first, *more], "data": data}

    def _move(self, sender, to, value):
        if not any(to):
            raise Revert("transfer to the zero address")
        if self.balances.get(sender, 0) < value:
            raise Revert("transfer amount exceeds balance")
        if "no-move" not in self.lies:
            self.balances[sender] = self.balances.get(sender, 0) - value
            self.balances[to] = self.balances.get(to, 0) + value
        if "no-log" in self.lies:
            return []
        return [self._log(TRANSFER, word(sender), word(to), data=word(value))]

    def _signer(self, digest, v, r, s):
        if int.from_bytes(s, "big") > N // 2:
            raise Revert("invalid signature 's' value")
        if v not in (27, 28):
            raise Revert("invalid signature 'v' value")
        return recover(digest, int.from_bytes(r, "big"), int.from_bytes(s, "big"), v - 27)

    def _agrees(self, sender, digest, v, signature):
        if sender in self.contracts:
            return signature == self.contracts[sender]
        return len(signature) in (64, 65) and self._signer(
            digest, v, signature[:32], signature[32:64]) == sender

    def _spend(self, words, now, signature=None):
        sender, to = words[0][12:], words[1][12:]
        value, after, before = (int.from_bytes(words[i], "big") for i in (2, 3, 4))
        nonce, v = words[5], int.from_bytes(words[6], "big")
        if signature is None:
            signature = words[7] + words[8]
        else:
            v = signature[64] if len(signature) == 65 else 0
        if now <= after:
            raise Revert("authorization is not yet valid")
        if now >= before:
            raise Revert("authorization is expired")
        if (sender, nonce) in self.used:
            raise Revert("authorization is used or canceled")
        digest = transfer_digest(self.separator, sender, to, value, after, before, nonce)
        if not self._agrees(sender, digest, v, signature):
            raise Revert("invalid signature")
        moved = self._move(sender, to, value)
        self.used.add((sender, nonce))
        return [self._log(USED, word(sender), nonce)] + moved

    def _cancel(self, words):
        sender, nonce, v = words[0][12:], words[1], int.from_bytes(words[2], "big")
        if (sender, nonce) in self.used:
            raise Revert("authorization is used or canceled")
        digest = typed_digest(self.separator, CANCEL_TYPE, [word(sender), nonce])
        if self._signer(digest, v, words[3], words[4]) != sender:
            raise Revert("invalid signature")
        self.used.add((sender, nonce))
        return [self._log(CANCELED, word(sender), nonce)]

    def call(self, sender, data, now):
        which = data[:4]
        words = [data[i : i + 32] for i in range(4, len(data), 32)]
        reads = {
            selector("balanceOf(address)"): lambda: word(self.balances.get(words[0][12:], 0)),
            selector("authorizationState(address,bytes32)"): lambda: word(
                int((words[0][12:], words[1]) in self.used)
            ),
            selector("DOMAIN_SEPARATOR()"): lambda: self.separator,
        }
        writes = {
            selector("transfer(address,uint256)"): lambda: self._move(
                sender, words[0][12:], int.from_bytes(words[1], "big")
            ),
            selector(SPEND): lambda: self._spend(words, now),
            selector(SPEND_BYTES): lambda: self._spend(
                words, now, data[4 + 256 : 4 + 256 + int.from_bytes(words[7], "big")]
            ),
            selector("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)"): lambda: (
                self._cancel(words)
            ),
        }
        if which in reads:
            return reads[which](), []
        if which in writes:
            return word(1), writes[which]()
        raise Revert("")


# --- the chain ----------------------------------------------------------------------------------


class Block:
    def __init__(self, number, parent, timestamp, salt):
        self.number, self.parent, self.timestamp = number, parent, timestamp
        self.hash = keccak(word(number) + parent + word(timestamp) + word(salt))
        self.transactions, self.receipts = [], []
        self.base_fee = GWEI
        self.state = None


class State:
    def __init__(self):
        self.tokens = {
            TOKEN: Token(TOKEN, SEPARATOR),
            OTHER_TOKEN: Token(OTHER_TOKEN, domain_separator("USDC", "2", CHAIN_ID, OTHER_TOKEN)),
        }
        self.nonces, self.wei = {}, {}

    def copy(self):
        other = State()
        other.tokens = {address: token.copy() for address, token in self.tokens.items()}
        other.nonces, other.wei = dict(self.nonces), dict(self.wei)
        return other


class Endpoint:
    """One JSON-RPC server of a chain. `fault(method, params)` may return bytes (the whole answer),
    a dictionary (the members "result" or "error"), raise, or give None for the truth. `delay` holds
    answers back; `down` closes connections without one."""

    def __init__(self, chain):
        self.chain, self.fault, self.delay, self.down = chain, None, 0.0, False
        self.asked = []  # (method, params)
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if endpoint.delay:
                    time.sleep(endpoint.delay)
                if endpoint.down:
                    self.close_connection = True
                    return
                answer = endpoint.answer(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128

            def handle_error(self, *_):
                pass  # a client that has gone

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, question):
        method, params = question["method"], question.get("params", [])
        self.asked.append((method, params))
        found = self.fault(method, params) if self.fault else None
        if isinstance(found, bytes):
            return found
        if found is None:
            try:
                found = {"result": self.chain.rpc(method, params)}
            except RpcError as error:
                found = {"error": {"code": error.code, "message": error.message}}
                if error.data is not None:
                    found["error"]["data"] = error.data
        return json.dumps({"jsonrpc": "2.0", "id": question["id"], **found}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def _revert_data(reason):
    text = reason.encode()
    return enhex(
        selector("Error(string)") + word(32) + word(len(text)) + text + bytes(-len(text) % 32)
    )


class Chain:
    """The stand-in. Mines a block for each transaction unless automine is False."""

    real = False

    def __init__(self):
        self.lock = threading.RLock()
        self.automine, self.salt, self.ahead = True, 0, 0
        self.pool = {}  # (sender, nonce) → transaction
        self.fee_floor = 0  # transactions below it wait in the pool
        genesis = Block(0, bytes(32), int(time.time()) - 60, 0)
        genesis.state = State()
        for wallet in WALLETS:
            genesis.state.wei[wallet.address] = 100 * 10**18
        for wallet in (PAYER, PAYER2, STRANGER, TREASURY):
            genesis.state.tokens[TOKEN].balances[wallet.address] = 10**9
            genesis.state.tokens[OTHER_TOKEN].balances[wallet.address] = 10**9
        self.blocks, self.endpoints = [genesis], []
        self.mine(30)
        self.endpoint = self.add_endpoint()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for endpoint in self.endpoints:
            endpoint.close()

    def add_endpoint(self):
        self.endpoints.append(Endpoint(self))
        return self.endpoints[-1]

    @property
    def url(self):
        return self.endpoint.url

    @property
    def head(self):
        return self.blocks[-1]

    # --- blocks

    def _execute(self, block, tx):
        state = block.state
        token = state.tokens.get(tx["to"])
        logs, good, saved = [], True, token and token.copy()
        try:
            if tx.get("batch"):
                for sender, to, value in tx["batch"]:
                    logs += state.tokens[TOKEN]._move(sender, to, value)
            elif token:
                logs = token.call(tx["from"], tx["data"], block.timestamp)[1]
        except Revert:
            good, logs = False, []
            if token:
                state.tokens[tx["to"]] = saved
        state.nonces[tx["from"]] = tx["nonce"] + 1
        state.wei[tx["from"]] = state.wei.get(tx["from"], 0) - 60000 * block.base_fee
        block.transactions.append(tx)
        block.receipts.append({"tx": tx, "good": good, "logs": logs})

    def _due(self, state):
        for (sender, nonce), tx in sorted(self.pool.items(), key=lambda item: item[0][1]):
            if nonce == state.nonces.get(sender, 0) and tx["fee"] >= max(self.fee_floor, GWEI):
                return tx
        return None

    def mine(self, count=1):
        """Blocks with what waits in the pool; all of it goes into the first."""
        with self.lock:
            for _ in range(count):
                parent = self.head
                # Not one second a block: the chain's time would run ahead of everybody's.
                now = max(parent.timestamp, int(time.time()) + self.ahead)
                if parent.number < 30:
                    now = parent.timestamp + 1
                self.salt += 1
                block = Block(parent.number + 1, parent.hash, now, self.salt)
                block.state = parent.state.copy()
                tx = self._due(block.state)
                while tx:
                    del self.pool[(tx["from"], tx["nonce"])]
                    self._execute(block, tx)
                    tx = self._due(block.state)
                self.blocks.append(block)
            return self.head.number

    def reorg(self, depth, drop=()):
        """Replaces the newest blocks by as many others. Transactions go back to the pool and into
        the first of them, but for those to be dropped (hashes), which vanish."""
        with self.lock:
            gone, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
            for block in gone:
                for tx in block.transactions:
                    if tx["hash"] not in drop:
                        self.pool[(tx["from"], tx["nonce"])] = tx
            self.mine(depth)

    def send(self, tx):
        """A transaction (of read_transaction) into the pool."""
        with self.lock:
            place = (tx["from"], tx["nonce"])
            if tx["chain_id"] != CHAIN_ID:
                raise RpcError(-32000, "invalid sender")
            if any(tx["hash"] == known["hash"] for known in self.pool.values()):
                raise RpcError(-32000, "already known")
            if tx["nonce"] < self.head.state.nonces.get(tx["from"], 0):
                raise RpcError(-32000, "nonce too low")
            if self.head.state.wei.get(tx["from"], 0) < tx["gas"] * tx["fee"]:
                raise RpcError(-32000, "insufficient funds for gas * price + value")
            old = self.pool.get(place)
            if old and (tx["fee"] * 10 < old["fee"] * 11 or tx["tip"] * 10 < old["tip"] * 11):
                raise RpcError(-32000, "replacement transaction underpriced")
            self.pool[place] = tx
            if self.automine:
                self.mine()
            return tx["hash"]

    # --- JSON-RPC

    def _tag(self, text):
        if text == "latest" or text == "pending":
            return self.head.number
        if text == "safe":
            return max(0, self.head.number - 1)
        if text == "finalized":
            return max(0, self.head.number - 2)
        return int(text, 16)

    def _transaction(self, text):
        """One that is mined or waits."""
        wanted = unhex(text)
        for block in reversed(self.blocks):
            for tx in block.transactions:
                if tx["hash"] == wanted:
                    return self._transaction_json(tx, block)
        for tx in self.pool.values():
            if tx["hash"] == wanted:
                return self._transaction_json(tx, None)
        return None

    @staticmethod
    def _transaction_json(tx, block):
        return {
            "hash": enhex(tx["hash"]),
            "from": enhex(tx["from"]),
            "to": enhex(tx["to"]),
            "nonce": quantity(tx["nonce"]),
            "input": enhex(tx["data"]),
            "blockHash": enhex(block.hash) if block else None,
            "blockNumber": quantity(block.number) if block else None,
        }

    def _log_json(self, block, index, receipt, position):
        log = receipt["logs"][position]
        before = sum(len(other["logs"]) for other in block.receipts[:index])
        return {
            "address": enhex(log["address"]),
            "topics": [enhex(t) for t in log["topics"]],
            "data": enhex(log["data"]),
            "blockHash": enhex(block.hash),
            "blockNumber": quantity(block.number),
            "transactionHash": enhex(receipt["tx"]["hash"]),
            "transactionIndex": quantity(index),
            "logIndex": quantity(before + position),
            "removed": False,
        }

    def _receipt(self, text):
        wanted = unhex(text)
        for block in reversed(self.blocks):
            for index, receipt in enumerate(block.receipts):
                if receipt["tx"]["hash"] == wanted:
                    tx = receipt["tx"]
                    return {
                        "type": "0x2",
                        "status": "0x1" if receipt["good"] else "0x0",
                        "cumulativeGasUsed": quantity(60000 * (index + 1)),
                        "logs": [
                            self._log_json(block, index, receipt, at)
                            for at in range(len(receipt["logs"]))
                        ],
                        "logsBloom": "0x" + "00" * 256,
                        "transactionHash": text.lower(),
                        "transactionIndex": quantity(index),
                        "blockHash": enhex(block.hash),
                        "blockNumber": quantity(block.number),
                        "gasUsed": quantity(60000),
                        "effectiveGasPrice": quantity(block.base_fee),
                        "from": enhex(tx["from"]),
                        "to": enhex(tx["to"]),
                        "contractAddress": None,
                    }
        return None

    def _block(self, text):
        number = self._tag(text)
        if number >= len(self.blocks):
            return None
        block = self.blocks[number]
        return {
            "number": quantity(block.number),
            "hash": enhex(block.hash),
            "parentHash": enhex(block.parent),
            "timestamp": quantity(block.timestamp),
            "baseFeePerGas": quantity(block.base_fee),
            "gasLimit": quantity(30_000_000),
            "gasUsed": quantity(60000 * len(block.receipts)),
            "transactions": [enhex(tx["hash"]) for tx in block.transactions],
        }

    def _logs(self, wanted):
        first, last = self._tag(wanted.get("fromBlock", "latest")), self._tag(
            wanted.get("toBlock", "latest")
        )
        found = []
        for block in self.blocks[first : last + 1]:
            for index, receipt in enumerate(block.receipts):
                for at, log in enumerate(receipt["logs"]):
                    topics = wanted.get("topics", [])
                    if enhex(log["address"]) == wanted["address"].lower() and all(
                        t is None or enhex((log["topics"] + [b""] * 4)[i]) == t.lower()
                        for i, t in enumerate(topics)
                    ):
                        found.append(self._log_json(block, index, receipt, at))
        return found

    def _call(self, call):
        token = self.head.state.tokens.get(unhex(call["to"]))
        if token is None:
            return "0x"
        data = unhex(call.get("data") or call.get("input") or "0x")
        sender = unhex(call["from"]) if "from" in call else bytes(20)
        try:
            return enhex(token.copy().call(sender, data, int(time.time()) + self.ahead)[0])
        except Revert as why:
            reason = str(why)
            raise RpcError(3, f"execution reverted: {reason}", _revert_data(reason)) from None

    def _count(self, text, tag):
        sender = unhex(text)
        count = self.blocks[self._tag(tag)].state.nonces.get(sender, 0)
        if tag == "pending":
            while (sender, count) in self.pool:
                count += 1
        return count

    def rpc(self, method, params):
        with self.lock:
            answers = {
                "eth_chainId": lambda: quantity(CHAIN_ID),
                "eth_blockNumber": lambda: quantity(self.head.number),
                "eth_getBlockByNumber": lambda: self._block(params[0]),
                "eth_getTransactionReceipt": lambda: self._receipt(params[0]),
                "eth_getTransactionByHash": lambda: self._transaction(params[0]),
                "eth_getLogs": lambda: self._logs(params[0]),
                "eth_call": lambda: self._call(params[0]),
                "eth_estimateGas": lambda: self._call(params[0]) and quantity(60000),
                "eth_getCode": lambda: (
                    "0x60016001" if unhex(params[0]) in self.head.state.tokens else "0x"
                ),
                "eth_getBalance": lambda: quantity(self.head.state.wei.get(unhex(params[0]), 0)),
                "eth_getTransactionCount": lambda: quantity(self._count(*params)),
                "eth_maxPriorityFeePerGas": lambda: quantity(GWEI),
                "eth_gasPrice": lambda: quantity(2 * GWEI),
                "eth_sendRawTransaction": lambda: enhex(self.send(self._read(params[0]))),
            }
            if method not in answers:
                raise RpcError(-32601, f"the method {method} does not exist")
            return answers[method]()

    @staticmethod
    def _read(text):
        try:
            return read_transaction(unhex(text))
        except (AssertionError, ValueError, IndexError) as why:
            raise RpcError(-32602, f"failed to decode signed transaction: {why}") from None

    # --- what tests do

    def set_automine(self, on):
        with self.lock:
            self.automine = on
            if on:
                self.mine()

    def balance(self, address, token=TOKEN):
        with self.lock:
            return self.head.state.tokens[token].balances.get(address, 0)

    def nonce(self, address):
        with self.lock:
            return self._count(enhex(address), "pending")

    def is_mined(self, tx):
        with self.lock:
            return self._receipt(enhex(tx)) is not None

    def is_waiting(self, tx):
        """Whether it is in the pool."""
        with self.lock:
            return any(known["hash"] == tx for known in self.pool.values())

    def network(self, **more):
        """An entry of the service's networks file, with every endpoint."""
        return {
            "network": NETWORK,
            "rpc": [endpoint.url for endpoint in self.endpoints],
            "serve_depth": 1,
            "final_depth": 3,
            **more,
        }

    def _submit(self, wallet, to, data, **fees):
        with self.lock:
            raw = sign_transaction(
                wallet.secret, CHAIN_ID, self.nonce(wallet.address), to, data, **fees
            )
            return self.send(read_transaction(raw))

    def transfer(self, wallet, to, value, token=TOKEN, **fees):
        """A plain transfer; its hash. fees: gas, tip or fee of the transaction."""
        data = selector("transfer(address,uint256)") + word(to) + word(value)
        return self._submit(wallet, token, data, **fees)

    def spend(self, sender, authorization):
        """Submits a signed authorization (of `authorize`) as that sender; its hash."""
        signature = authorization["signature"]
        words = [
            word(authorization["from"]),
            word(authorization["to"]),
            word(authorization["value"]),
            word(authorization["after"]),
            word(authorization["before"]),
            authorization["nonce"],
        ]
        if len(signature) == 65:
            words += [word(signature[64]), signature[:32], signature[32:64]]
            return self._submit(sender, TOKEN, selector(SPEND) + b"".join(words))
        words += [word(7 * 32), word(len(signature)), signature, bytes(-len(signature) % 32)]
        return self._submit(sender, TOKEN, selector(SPEND_BYTES) + b"".join(words))

    def fund(self, wallet, wei=100 * 10**18):
        """Gas money for a wallet that is not one of WALLETS."""
        with self.lock:
            self.head.state.wei[wallet.address] = wei

    def is_used(self, payer, nonce):
        """Whether an authorization is used or cancelled."""
        with self.lock:
            return (payer, nonce) in self.head.state.tokens[TOKEN].used

    def add_contract_wallet(self, address, signature, balance=10**9):
        """A wallet that is a contract, and takes exactly that signature (not of 65 bytes)."""
        with self.lock:
            token = self.head.state.tokens[TOKEN]
            token.contracts[address] = signature
            token.balances[address] = balance

    @property
    def contract_wallets(self):
        return self.head.state.tokens[TOKEN].contracts

    def cancel(self, wallet, nonce):
        """The payer cancels an authorization."""
        digest = typed_digest(SEPARATOR, CANCEL_TYPE, [word(wallet.address), nonce])
        r, s, parity = sign(wallet.secret, digest)
        data = selector("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)")
        data += word(wallet.address) + nonce + word(27 + parity) + word(r) + word(s)
        return self._submit(wallet, TOKEN, data)

    def batch(self, wallet, transfers):
        """Several transfers, [(to, value)], in one transaction; its hash."""
        with self.lock:
            nonce = self.nonce(wallet.address)
            raw = sign_transaction(wallet.secret, CHAIN_ID, nonce, bytes(19) + b"\x01", b"batch")
            tx = read_transaction(raw)
            tx["batch"] = [(wallet.address, to, value) for to, value in transfers]
            return self.send(tx)


# --- a real node --------------------------------------------------------------------------------


class AnvilEndpoint:
    """The node as an endpoint: down is stopped, so that it takes connections and says nothing."""

    def __init__(self, process, url):
        self.process, self.url, self._down = process, url, False

    @property
    def down(self):
        return self._down

    @down.setter
    def down(self, on):
        self._down = on
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)


class Anvil:
    """The same over foundry's anvil; what a real node cannot be made to do is absent."""

    real = True

    def __init__(self, program, runtime, batch_runtime=None):
        """runtime: the token's code (tests/vectors/x402/test-token.json)."""
        self.process = subprocess.Popen(
            [program, "--host", "127.0.0.1", "--port", "0", "--chain-id", str(CHAIN_ID)]
            + ["--accounts", "1", "--slots-in-an-epoch", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url, self._id, self.automine = None, 0, True
        atexit.register(self.close)  # scripts that keep one chain to their end
        for line in self.process.stdout:
            if line.startswith("Listening on "):
                self.url = "http://" + line.split()[2]
                break
        assert self.url, "anvil did not start"
        self.endpoint = AnvilEndpoint(self.process, self.url)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.rpc("anvil_setCode", [enhex(TOKEN), runtime])
        self.batch_address = bytes(19) + b"\x77"
        if batch_runtime:
            self.rpc("anvil_setCode", [enhex(self.batch_address), batch_runtime])
        for wallet in WALLETS:
            self.rpc("anvil_setBalance", [enhex(wallet.address), hex(100 * 10**18)])
        for wallet in (PAYER, PAYER2, STRANGER, TREASURY):
            data = selector("mint(address,uint256)") + word(wallet.address) + word(10**9)
            self._submit(FACILITATOR, TOKEN, data)
        self.mine(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(10)

    def rpc(self, method, params):
        self._id += 1
        question = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        request = urllib.request.Request(
            self.url, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = json.load(answer)
        if "error" in found:
            raise RpcError(found["error"]["code"], found["error"]["message"])
        return found["result"]

    def mine(self, count=1):
        self.rpc("anvil_mine", [hex(count)])
        return int(self.rpc("eth_blockNumber", []), 16)

    def reorg(self, depth, drop=()):
        """A reorganisation; what it takes vanishes (drop is not looked at)."""
        del drop
        self.rpc("anvil_reorg", [depth, []])

    def set_automine(self, on):
        self.rpc("evm_setAutomine", [on])
        self.automine = on
        if on:
            self.mine()

    def _read(self, data, to=TOKEN):
        return unhex(self.rpc("eth_call", [{"to": enhex(to), "data": enhex(data)}, "latest"]))

    def balance(self, address, token=TOKEN):
        data = selector("balanceOf(address)") + word(address)
        return int.from_bytes(self._read(data, token), "big")

    def nonce(self, address):
        return int(self.rpc("eth_getTransactionCount", [enhex(address), "pending"]), 16)

    def is_mined(self, tx):
        return self.rpc("eth_getTransactionReceipt", [enhex(tx)]) is not None

    def network(self, **more):
        return {
            "network": NETWORK,
            "rpc": [self.url],
            "serve_depth": 1,
            "final_depth": 3,
            **more,
        }

    def _submit(self, wallet, to, data, **fees):
        raw = sign_transaction(
            wallet.secret, CHAIN_ID, self.nonce(wallet.address), to, data, **fees
        )
        tx = unhex(self.rpc("eth_sendRawTransaction", [enhex(raw)]))
        deadline = time.monotonic() + 5
        while self.automine and not self.is_mined(tx):
            assert time.monotonic() < deadline, "not mined"
            time.sleep(0.005)
        return tx

    transfer, spend, cancel = Chain.transfer, Chain.spend, Chain.cancel
    contract_wallets = {}

    def fund(self, wallet, wei=100 * 10**18):
        self.rpc("anvil_setBalance", [wallet.text, quantity(wei)])

    def is_used(self, payer, nonce):
        data = selector("authorizationState(address,bytes32)") + word(payer) + nonce
        return int.from_bytes(self._read(data, TOKEN), "big") == 1

    def batch(self, wallet, transfers):
        """Several transfers in one transaction, through the batch contract."""
        approve = selector("approve(address,uint256)") + word(self.batch_address)
        self._submit(wallet, TOKEN, approve + word(2**64))
        count, head = len(transfers), 4 * 32
        data = selector("pull(address,address,address[],uint256[])")
        data += word(TOKEN) + word(wallet.address) + word(head) + word(head + 32 * (1 + count))
        data += word(count) + b"".join(word(to) for to, _ in transfers)
        data += word(count) + b"".join(word(value) for _, value in transfers)
        return self._submit(wallet, self.batch_address, data, gas=600000)


def chain():
    """The real node that LUCID_ANVIL names, or the stand-in."""
    program = os.environ.get("LUCID_ANVIL")
    if not program:
        return Chain()
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../vectors/x402/test-token.json"), encoding="ascii") as file:
        code = json.load(file)
    return Anvil(program, code["TestUsdc"]["runtime"], code["TestBatch"]["runtime"])
