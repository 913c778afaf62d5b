#!/usr/bin/env python3
"""Writes receipts.ndjson: 250 receipt bodies of all six types, the same bytes at every run.

    python3 make_receipts.py > receipts.ndjson

They tell one small story: an inference gateway with a few models, GPU workers in three execution
modes, tools and agents that use them, datasets and agent memory. run_id and timestamp are left out:
`lucid receipt submit` fills them in. Randomness is SHA-256 of a counter, not a library's generator,
so that no Python version changes the file.
"""
import hashlib
import json
import sys

COUNT = 250


class Random:
    """A deterministic source: SHA-256("lucid example" || counter)."""

    def __init__(self):
        self.counter = 0

    def bytes(self):
        self.counter += 1
        return hashlib.sha256(b"lucid example %d" % self.counter).digest()

    def hex(self):
        return self.bytes().hex()

    def below(self, n):
        return int.from_bytes(self.bytes()[:8], "big") % n

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, percent):
        return self.below(100) < percent


R = Random()

MODELS = ["passport_model_llama-3.1-8b", "passport_model_mistral-7b", "passport_model_qwen2.5-72b",
          "passport_model_bge-m3"]
COMPUTE = ["passport_compute_fra-1", "passport_compute_ams-2", "passport_compute_sfo-7",
           "passport_compute_sgp-3"]
AGENTS = ["passport_agent_research", "passport_agent_support", "passport_agent_Übersetzer",
          "passport_agent_調査"]
TOOLS = ["passport_tool_web-search", "passport_tool_sql", "passport_tool_calculator",
         "passport_tool_traduction-é"]
DATASETS = ["passport_dataset_commons-2026", "passport_dataset_filings", "passport_dataset_météo"]
RUNTIMES = ["vllm-0.6.3", "tensorrt-llm-0.14", "llama.cpp-b4120"]
GPUS = [("NVIDIA-H100-80GB", 3.29), ("NVIDIA-A100-40GB", 1.89), ("NVIDIA-L4", 0.79)]
POLICIES = [hashlib.sha256(b"policy %d" % i).hexdigest() for i in range(4)]
ERRORS = [("TIMEOUT", "no answer within 30 s"),
          ("MODEL_NOT_FOUND", "modèle introuvable : «mistral-7b»"),
          ("RATE_LIMITED", "上限に達しました (60/min)"),
          ("INVALID_QUOTE", "quote expired\nat the worker ⏱")]


def with_trace(body, percent=40):
    if R.chance(percent):
        body["trace_id"] = "trace-" + R.hex()[:16]
    return body


def with_error(body, percent=6):
    if R.chance(percent):
        body["error_code"], body["error_message"] = R.pick(ERRORS)
    return body


def metrics():
    tokens_in = R.between(8, 6000)
    return {"ttft_ms": R.between(18, 900), "tokens_in": tokens_in,
            "tokens_out": R.between(1, 1800)}


def run(kind):
    return {"schema_version": "1.0", "receipt_type": kind, "policy_hash": R.pick(POLICIES),
            "model_passport_id": R.pick(MODELS), "compute_passport_id": R.pick(COMPUTE),
            "runtime": R.pick(RUNTIMES), "metrics": metrics()}


def inference():
    body = run("inference")
    if R.chance(50):
        body["metrics"]["p95_ms"] = R.between(900, 4000)
    if R.chance(30):
        body["image_hash"] = "sha256:" + R.hex()
        body["model_hash"] = "sha256:" + R.hex()
    if R.chance(15):
        body["attestation"] = {"tee": "tdx", "measurement": R.hex(), "fresh": True}
    return with_trace(with_error(body))


def compute():
    body = run("compute")
    mode = R.pick(["byo_runtime", "managed_endpoint", "runpod_serverless"])
    gpu, price = R.pick(GPUS)
    start = 1795000000 + R.below(900000)
    seconds = R.between(1, 480000) / 1000
    body["metrics"].update({
        "total_latency_ms": R.between(200, 60000), "queue_wait_ms": R.between(0, 2000),
        "queue_time_ms": R.between(0, 2500), "cold_start_ms": R.between(0, 14000),
        "model_load_ms": R.between(0, 9000), "cache_hit": R.chance(35)})
    body.update({
        "execution_mode": mode, "start_ts": start, "end_ts": start + int(seconds) + 1,
        "job_hash": R.hex(), "quote_hash": R.hex(), "outputs_hash": R.hex(),
        "node_id": "node-%03d" % R.between(1, 240), "capacity_bucket": R.pick(["small", "large"]),
        "input_ref": "s3://jobs/%s/in.json" % R.hex()[:12],
        "output_ref": "s3://jobs/%s/out.json" % R.hex()[:12],
        "model_revision": "rev-" + R.hex()[:8],
        "billing": {"compute_seconds": seconds, "cost_usd": round(seconds * price / 3600, 9),
                    "gpu_type": gpu}})
    if mode == "managed_endpoint":
        body.update({"endpoint_id": "ep-" + R.hex()[:10], "gpu_fingerprint": None,
                     "runtime_hash": None})
    else:
        body.update({"gpu_fingerprint": gpu + ":" + R.hex()[:16],
                     "runtime_hash": "sha256:" + R.hex()})
    return with_trace(with_error(body))


def tool():
    body = {"schema_version": "1.0", "receipt_type": "tool", "tool_passport_id": R.pick(TOOLS),
            "input_hash": R.hex(), "output_hash": R.hex(), "latency_ms": R.between(2, 9000),
            "success": True}
    if R.chance(70):
        body["agent_passport_id"] = R.pick(AGENTS)
    if R.chance(8):
        body["success"] = False
        body = with_error(body, 100)
    return with_trace(body)


def agent():
    body = {"schema_version": "1.0", "receipt_type": "agent", "agent_passport_id": R.pick(AGENTS),
            "task_hash": R.hex(),
            "sub_receipt_ids": ["run_" + R.hex()[:32] for _ in range(R.below(6))],
            "steps_count": R.between(1, 24), "total_tokens": R.between(200, 90000),
            "duration_ms": R.between(900, 400000), "success": not R.chance(9)}
    if R.chance(60):
        body["total_cost_usd"] = R.between(1, 4000000) / 1000000
    if not body["success"]:
        body = with_error(body, 100)
    return with_trace(body)


def dataset():
    access = R.pick(["download", "query", "stream"])
    body = {"schema_version": "1.0", "receipt_type": "dataset",
            "dataset_passport_id": R.pick(DATASETS), "access_type": access, "data_hash": R.hex(),
            "bytes_transferred": R.between(1, 5 * 10 ** 10)}
    if R.chance(70):
        body["consumer_passport_id"] = R.pick(AGENTS)
    if access == "query":
        body["query_hash"] = R.hex()
        body["rows_returned"] = R.between(0, 250000)
    return with_trace(body)


MEMORY_CHAIN = {}


def memory():
    owner = R.pick(AGENTS)
    body = {"schema_version": "1.0", "receipt_type": "memory", "agent_passport_id": owner,
            "namespace": R.pick(["notes", "préférences", "客户/2026"])}
    if R.chance(35):
        entries = [R.hex() for _ in range(R.between(1, 8))]
        body.update({"session_id": "session-" + R.hex()[:12], "entry_hashes": entries,
                     "entry_count": len(entries)})
    else:
        content = R.hex()
        body.update({"memory_id": "mem-" + R.hex()[:12],
                     "memory_type": R.pick(["episodic", "semantic", "procedural"]),
                     "content_hash": content, "prev_hash": MEMORY_CHAIN.get(owner)})
        MEMORY_CHAIN[owner] = content
    return with_trace(body)


# Of 100 receipts of the gateway.
MIX = [(inference, 40), (compute, 24), (tool, 14), (agent, 8), (dataset, 6), (memory, 8)]


def main():
    makers = [maker for maker, weight in MIX for _ in range(weight)]
    for _ in range(COUNT):
        body = R.pick(makers)()
        sys.stdout.write(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
