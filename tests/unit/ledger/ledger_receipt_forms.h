/* CONTRACT 1's table of members, written from the contract, in its order, knowing nothing of the
 * program's own tables. Each form's members with a value that passes. */
#ifndef LUCID_TESTS_LEDGER_RECEIPT_FORMS_H
#define LUCID_TESTS_LEDGER_RECEIPT_FORMS_H

#include "ledger/receipt.h"

#define H0  "0000000000000000000000000000000000000000000000000000000000000000"
#define H1  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1732190000

struct member {
    const char *inside;
    const char *name;
    char kind; /* s h H(h or null) S(s or null) d(digest or null) i n b w o l([s]) L([h]) t(text) */
    bool required;
    const char *value;
};

#define HEAD_MEMBERS(type)                                                                         \
    {NULL, "schema_version", 'v', true, "\"1.0\""}, {NULL, "receipt_type", 'w', true, type},       \
        {NULL, "run_id", 'r', true, "\"run_0123456789\""},                                         \
        {NULL, "timestamp", 'i', true, "1732190000"}, {NULL, "trace_id", 't', false, "\"trace\""}, \
        {NULL, "error_code", 't', false, "\"OOM\""},                                               \
    {                                                                                              \
        NULL, "error_message", 't', false, "\"\""                                                  \
    }

#define RUN_MEMBERS                                                                                \
    {NULL, "policy_hash", 'h', true, "\"" H1 "\""},                                                \
        {NULL, "model_passport_id", 's', true, "\"model\""},                                       \
        {NULL, "compute_passport_id", 's', true, "\"compute\""},                                   \
        {NULL, "runtime", 's', true, "\"vllm\""}, {NULL, "metrics", 'o', true, NULL},              \
        {"metrics", "ttft_ms", 'i', true, "120"}, {"metrics", "tokens_in", 'i', true, "0"},        \
        {"metrics", "tokens_out", 'i', true, "1e3"}, {"metrics", "p95_ms", 'i', false, "7.0"},     \
        {NULL, "image_hash", 's', false, "\"sha256:x\""},                                          \
        {NULL, "model_hash", 's', false, "\"m\""},                                                 \
    {                                                                                              \
        NULL, "attestation", 'o', false, "{\"any\":[1,{}]}"                                        \
    }

static const struct member inference[] = {HEAD_MEMBERS("\"inference\""), RUN_MEMBERS, {NULL}};

static const struct member compute[] = {
    HEAD_MEMBERS("\"compute\""),
    RUN_MEMBERS,
    {NULL, "start_ts", 'i', false, "1732189000"},
    {NULL, "end_ts", 'i', false, "9007199254740991"},
    {NULL, "execution_mode", 'w', false, "\"byo_runtime\""},
    {NULL, "gpu_fingerprint", 'S', false, "null"},
    {NULL, "runtime_hash", 'd', false, "\"sha256:" H1 "\""},
    {NULL, "job_hash", 'h', false, "\"" H0 "\""},
    {NULL, "quote_hash", 'h', false, "\"" H0 "\""},
    {NULL, "outputs_hash", 'h', false, "\"" H0 "\""},
    {NULL, "input_ref", 's', false, "\"s3://in\""},
    {NULL, "output_ref", 's', false, "\"s3://out\""},
    {NULL, "node_id", 's', false, "\"node\""},
    {NULL, "model_revision", 's', false, "\"main\""},
    {NULL, "capacity_bucket", 's', false, "\"h100\""},
    {NULL, "endpoint_id", 's', false, "\"ep\""},
    {NULL, "billing", 'o', false, NULL},
    {"billing", "compute_seconds", 'n', false, "1.25"},
    {"billing", "cost_usd", 'n', false, "0"},
    {"billing", "gpu_type", 's', false, "\"H100\""},
    {"metrics", "total_latency_ms", 'i', false, "1"},
    {"metrics", "queue_wait_ms", 'i', false, "2"},
    {"metrics", "queue_time_ms", 'i', false, "3"},
    {"metrics", "cold_start_ms", 'i', false, "4"},
    {"metrics", "model_load_ms", 'i', false, "5"},
    {"metrics", "cache_hit", 'b', false, "true"},
    {NULL},
};

static const struct member tool[] = {
    HEAD_MEMBERS("\"tool\""),
    {NULL, "tool_passport_id", 's', true, "\"tool\""},
    {NULL, "input_hash", 'h', true, "\"" H0 "\""},
    {NULL, "output_hash", 'h', true, "\"" H1 "\""},
    {NULL, "latency_ms", 'i', true, "12"},
    {NULL, "success", 'b', true, "false"},
    {NULL, "agent_passport_id", 's', false, "\"agent\""},
    {NULL},
};

static const struct member agent[] = {
    HEAD_MEMBERS("\"agent\""),
    {NULL, "agent_passport_id", 's', true, "\"agent\""},
    {NULL, "task_hash", 'h', true, "\"" H1 "\""},
    {NULL, "sub_receipt_ids", 'l', true, "[\"run_1\",\"run_2\"]"},
    {NULL, "steps_count", 'i', true, "2"},
    {NULL, "total_tokens", 'i', true, "2000"},
    {NULL, "duration_ms", 'i', true, "100"},
    {NULL, "success", 'b', true, "true"},
    {NULL, "total_cost_usd", 'n', false, "0.001"},
    {NULL},
};

static const struct member dataset[] = {
    HEAD_MEMBERS("\"dataset\""),
    {NULL, "dataset_passport_id", 's', true, "\"set\""},
    {NULL, "access_type", 'w', true, "\"query\""},
    {NULL, "data_hash", 'h', true, "\"" H1 "\""},
    {NULL, "bytes_transferred", 'i', true, "4096"},
    {NULL, "consumer_passport_id", 's', false, "\"c\""},
    {NULL, "rows_returned", 'i', false, "4"},
    {NULL, "query_hash", 'h', false, "\"" H0 "\""},
    {NULL},
};

static const struct member memory_single[] = {
    HEAD_MEMBERS("\"memory\""),
    {NULL, "agent_passport_id", 's', true, "\"agent\""},
    {NULL, "namespace", 's', true, "\"ns\""},
    {NULL, "memory_id", 's', true, "\"mem\""},
    {NULL, "memory_type", 's', true, "\"episodic\""},
    {NULL, "content_hash", 'h', true, "\"" H1 "\""},
    {NULL, "prev_hash", 'H', true, "null"},
    {NULL},
};

static const struct member memory_batched[] = {
    HEAD_MEMBERS("\"memory\""),
    {NULL, "agent_passport_id", 's', true, "\"agent\""},
    {NULL, "namespace", 's', true, "\"ns\""},
    {NULL, "session_id", 's', true, "\"sess\""},
    {NULL, "entry_hashes", 'L', true, "[\"" H0 "\",\"" H1 "\"]"},
    {NULL, "entry_count", 'c', true, "2"},
    {NULL},
};

static const struct {
    enum receipt_type type;
    const struct member *members;
} forms[] = {
    {RECEIPT_INFERENCE, inference},   {RECEIPT_COMPUTE, compute}, {RECEIPT_TOOL, tool},
    {RECEIPT_AGENT, agent},           {RECEIPT_DATASET, dataset}, {RECEIPT_MEMORY, memory_single},
    {RECEIPT_MEMORY, memory_batched},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* --- making bodies --- */

/* What to write instead of a member's good value; at most two members at once. */
struct change {
    const struct member *member[2];
    const char *value[2]; /* NULL: leave the member out */
};

static inline bool changed(const struct change *change, const struct member *member,
                           const char **ret)
{
    for (int i = 0; change != NULL && i < 2; i++) {
        if (change->member[i] == member) {
            *ret = change->value[i];
            return true;
        }
    }
    return false;
}

static inline bool same_object(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static inline bool holds_change(const struct change *change, const struct member *member)
{
    for (int i = 0; change != NULL && i < 2; i++) {
        const struct member *inner = change->member[i];
        if (inner != NULL && inner->inside != NULL && strcmp(inner->inside, member->name) == 0) {
            return true;
        }
    }
    return false;
}

static inline void object_write(struct lucid_buf *out, const struct member *members,
                                const char *inside, bool full, const struct change *change)
{
    lucid_buf_char(out, '{');
    for (const struct member *m = members; m->name != NULL; m++) {
        const char *value = m->value;
        if (!same_object(m->inside, inside)) {
            continue;
        }
        bool is_changed = changed(change, m, &value);
        if ((is_changed && value == NULL) ||
            (!is_changed && !full && !m->required && !holds_change(change, m))) {
            continue;
        }
        lucid_json_member(out, m->name);
        if (value != NULL) {
            lucid_buf_str(out, value);
        } else {
            object_write(out, members, m->name, full, change);
        }
    }
    lucid_buf_char(out, '}');
}

#endif
