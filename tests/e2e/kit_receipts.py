"""Receipts for the tests: bodies of all six types, canonical bytes, signatures.

Randomness comes from a seed, so that a run can be repeated. What json.dumps writes here is the
RFC 8785 form, because member names are ASCII and numbers are integers or short decimals."""

import hashlib
import json
import random
import subprocess
import time

TYPES = ("inference", "compute", "tool", "agent", "dataset", "memory")
LINES_AT_ONCE = 200  # their answers fit into a pipe that nobody reads yet


def canonical(body):
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


class Ed25519:
    """The helper program as a co-process."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, lines):
        answers = []
        for start in range(0, len(lines), LINES_AT_ONCE):
            part = lines[start:start + LINES_AT_ONCE]
            self.process.stdin.write(("\n".join(part) + "\nf\n").encode())
            self.process.stdin.flush()
            for _ in part:
                answer = self.process.stdout.readline().decode().strip()
                assert answer, "the signing helper died"
                answers.append(answer)
        return answers

    def public(self, seed):
        return self.ask([f"p {seed.hex()}"])[0]

    def sign(self, seed, messages):
        return self.ask([f"s {seed.hex()} {message.hex()}" for message in messages])

    def verify(self, key, signature, message):
        return self.ask([f"v {key.hex()} {signature.hex()} {message.hex()}"])[0] == "1"

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Signer:
    def __init__(self, ed25519, name):
        self.ed25519 = ed25519
        self.name = name
        self.seed = hashlib.sha256(b"lucid e2e " + name.encode()).digest()
        self.key = ed25519.public(self.seed)
        self.key_hash = hashlib.sha256(bytes.fromhex(self.key)).digest()
        self.secret_hex = self.seed.hex() + self.key

    def seal_all(self, bodies):
        """Signed envelopes of bodies (dicts, or canonical bytes that are already there)."""
        texts = [b if isinstance(b, bytes) else canonical(b) for b in bodies]
        hashes = [hashlib.sha256(text).digest() for text in texts]
        signatures = self.ed25519.sign(self.seed, hashes)
        return [Envelope(self, *parts) for parts in zip(bodies, texts, hashes, signatures)]

    def seal(self, body):
        return self.seal_all([body])[0]


class Envelope:
    def __init__(self, signer, body, text, digest, signature):
        self.body = body if isinstance(body, dict) else None
        self.text = text
        self.signer = signer
        self.hash = digest.hex()
        self.signature = signature
        self.entry = digest + signer.key_hash + bytes.fromhex(signature)
        self.run_id = self.body.get("run_id") if self.body else None

    def wire(self, with_hash=True):
        extra = b',"receipt_hash":"%s"' % self.hash.encode() if with_hash else b""
        return b'{"body":%s,"receipt_signature":"%s","signer_pubkey":"%s"%s}' % (
            self.text, self.signature.encode(), self.signer.key.encode(), extra)

    def members(self):
        """As a dict, to be tampered with."""
        return json.loads(self.wire())


class Maker:
    """Bodies from a seed. Two makers with one seed make the same ones (but for the timestamp)."""

    def __init__(self, seed, prefix="run_"):
        self.random = random.Random(seed)
        self.prefix = prefix
        self.timestamp = int(time.time())

    def hex(self, count=32):
        return self.random.getrandbits(8 * count).to_bytes(count, "big").hex()

    def number(self):
        return self.random.randrange(100000)

    def run(self, kind):
        return {"policy_hash": self.hex(), "model_passport_id": "passport_model_" + self.hex(4),
                "compute_passport_id": "passport_compute_fra-1", "runtime": "vllm-0.6.3",
                "metrics": {"ttft_ms": self.number(), "tokens_in": self.number(),
                            "tokens_out": self.number(), "p95_ms": self.number()}}

    def inference(self):
        return {**self.run("inference"), "image_hash": "sha256:" + self.hex(),
                "model_hash": self.hex(), "attestation": {"tee": "tdx", "fresh": True}}

    def compute(self):
        body = self.run("compute")
        body["metrics"].update(total_latency_ms=1, queue_wait_ms=2, queue_time_ms=3,
                               cold_start_ms=4, model_load_ms=5, cache_hit=False)
        body.update(start_ts=self.number(), end_ts=self.number(), gpu_fingerprint=None,
                    execution_mode=self.random.choice(
                        ["byo_runtime", "managed_endpoint", "runpod_serverless"]),
                    runtime_hash="sha256:" + self.hex(), job_hash=self.hex(),
                    quote_hash=self.hex(), outputs_hash=self.hex(), input_ref="s3://in",
                    output_ref="s3://out", node_id="node-1", model_revision="r1",
                    capacity_bucket="large", endpoint_id="ep-1",
                    billing={"compute_seconds": 1.5, "cost_usd": 0.25, "gpu_type": "L4"})
        return body

    def tool(self):
        return {"tool_passport_id": "passport_tool_\u8abf\u67fb", "input_hash": self.hex(),
                "output_hash": self.hex(), "latency_ms": self.number(), "success": True,
                "agent_passport_id": "passport_agent_x"}

    def agent(self):
        return {"agent_passport_id": "passport_agent_\u00dcbersetzer", "task_hash": self.hex(),
                "sub_receipt_ids": [self.hex(), "run_other_1"], "steps_count": self.number(),
                "total_tokens": self.number(), "duration_ms": self.number(), "success": False,
                "total_cost_usd": 0.125, "error_code": "TIMEOUT", "error_message": "a\nb \u23f1"}

    def dataset(self):
        return {"dataset_passport_id": "passport_dataset_m\u00e9t\u00e9o", "access_type": "query",
                "data_hash": self.hex(), "bytes_transferred": self.number(),
                "consumer_passport_id": "c", "rows_returned": self.number(),
                "query_hash": self.hex()}

    def memory(self):
        body = {"agent_passport_id": "passport_agent_x", "namespace": "notes"}
        if self.random.random() < 0.5:
            body.update(memory_id="m-1", memory_type="fact", content_hash=self.hex(),
                        prev_hash=self.random.choice([None, self.hex()]))
        else:
            hashes = [self.hex() for _ in range(self.random.randrange(4))]
            body.update(session_id="s-1", entry_hashes=hashes, entry_count=len(hashes))
        return body

    def body(self, kind=None, **members):
        kind = kind or self.random.choice(TYPES)
        body = {"schema_version": "1.0", "receipt_type": kind,
                "run_id": self.prefix + self.hex(16), "timestamp": self.timestamp,
                "trace_id": "trace-" + self.hex(4)}
        body.update(getattr(self, kind)())
        body.update(members)
        return body

    def bodies(self, count):
        return [self.body(TYPES[i % len(TYPES)]) for i in range(count)]
