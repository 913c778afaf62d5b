/* The members of a receipt's body: CONTRACT 1's table as tables. */
#include <stdio.h>

#include "base/assert.h"
#include "ledger/receipt_internal.h"

#define STRING_BYTES_MAX 1024
#define DIGEST_PREFIX    "sha256:"

enum member_kind {
    MEMBER_TEXT,   /* any string */
    MEMBER_STRING, /* 1 to STRING_BYTES_MAX bytes */
    MEMBER_STRING_OR_NULL,
    MEMBER_HEX,
    MEMBER_HEX_OR_NULL,
    MEMBER_DIGEST_OR_NULL, /* DIGEST_PREFIX and hex */
    MEMBER_UINT,
    MEMBER_NUMBER,
    MEMBER_BOOLEAN,
    MEMBER_WORD, /* one of the rule's words */
    MEMBER_OBJECT,
    MEMBER_STRINGS,
    MEMBER_HEXES,
};

struct member_words {
    const char *demand;
    const char *word[4]; /* ends with NULL */
};

struct member_rule {
    const char *inside; /* the object member that it is in; NULL: the body itself */
    const char *name;   /* NULL ends a table */
    enum member_kind kind;
    bool required;
    const struct member_words *words;
};

#define REQUIRED .required = true

static const struct member_words execution_modes = {
    .demand = "must be one of byo_runtime, managed_endpoint, runpod_serverless",
    .word = {"byo_runtime", "managed_endpoint", "runpod_serverless"},
};

static const struct member_words access_types = {
    .demand = "must be one of download, query, stream",
    .word = {"download", "query", "stream"},
};

static const struct member_rule common_rules[] = {
    {NULL, "trace_id", MEMBER_TEXT},
    {NULL, "error_code", MEMBER_TEXT},
    {NULL, "error_message", MEMBER_TEXT},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule run_rules[] = {
    {NULL, "policy_hash", MEMBER_HEX, REQUIRED},
    {NULL, "model_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "compute_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "runtime", MEMBER_STRING, REQUIRED},
    {NULL, "metrics", MEMBER_OBJECT, REQUIRED},
    {"metrics", "ttft_ms", MEMBER_UINT, REQUIRED},
    {"metrics", "tokens_in", MEMBER_UINT, REQUIRED},
    {"metrics", "tokens_out", MEMBER_UINT, REQUIRED},
    {"metrics", "p95_ms", MEMBER_UINT},
    {NULL, "image_hash", MEMBER_STRING},
    {NULL, "model_hash", MEMBER_STRING},
    {NULL, "attestation", MEMBER_OBJECT},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule compute_rules[] = {
    {NULL, "start_ts", MEMBER_UINT},
    {NULL, "end_ts", MEMBER_UINT},
    {NULL, "execution_mode", MEMBER_WORD, .words = &execution_modes},
    {NULL, "gpu_fingerprint", MEMBER_STRING_OR_NULL},
    {NULL, "runtime_hash", MEMBER_DIGEST_OR_NULL},
    {NULL, "job_hash", MEMBER_HEX},
    {NULL, "quote_hash", MEMBER_HEX},
    {NULL, "outputs_hash", MEMBER_HEX},
    {NULL, "input_ref", MEMBER_STRING},
    {NULL, "output_ref", MEMBER_STRING},
    {NULL, "node_id", MEMBER_STRING},
    {NULL, "model_revision", MEMBER_STRING},
    {NULL, "capacity_bucket", MEMBER_STRING},
    {NULL, "endpoint_id", MEMBER_STRING},
    {NULL, "billing", MEMBER_OBJECT},
    {"billing", "compute_seconds", MEMBER_NUMBER},
    {"billing", "cost_usd", MEMBER_NUMBER},
    {"billing", "gpu_type", MEMBER_STRING},
    {"metrics", "total_latency_ms", MEMBER_UINT},
    {"metrics", "queue_wait_ms", MEMBER_UINT},
    {"metrics", "queue_time_ms", MEMBER_UINT},
    {"metrics", "cold_start_ms", MEMBER_UINT},
    {"metrics", "model_load_ms", MEMBER_UINT},
    {"metrics", "cache_hit", MEMBER_BOOLEAN},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule tool_rules[] = {
    {NULL, "tool_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "input_hash", MEMBER_HEX, REQUIRED},
    {NULL, "output_hash", MEMBER_HEX, REQUIRED},
    {NULL, "latency_ms", MEMBER_UINT, REQUIRED},
    {NULL, "success", MEMBER_BOOLEAN, REQUIRED},
    {NULL, "agent_passport_id", MEMBER_STRING},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule agent_rules[] = {
    {NULL, "agent_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "task_hash", MEMBER_HEX, REQUIRED},
    {NULL, "sub_receipt_ids", MEMBER_STRINGS, REQUIRED},
    {NULL, "steps_count", MEMBER_UINT, REQUIRED},
    {NULL, "total_tokens", MEMBER_UINT, REQUIRED},
    {NULL, "duration_ms", MEMBER_UINT, REQUIRED},
    {NULL, "success", MEMBER_BOOLEAN, REQUIRED},
    {NULL, "total_cost_usd", MEMBER_NUMBER},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule dataset_rules[] = {
    {NULL, "dataset_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "access_type", MEMBER_WORD, REQUIRED, .words = &access_types},
    {NULL, "data_hash", MEMBER_HEX, REQUIRED},
    {NULL, "bytes_transferred", MEMBER_UINT, REQUIRED},
    {NULL, "consumer_passport_id", MEMBER_STRING},
    {NULL, "rows_returned", MEMBER_UINT},
    {NULL, "query_hash", MEMBER_HEX},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule memory_rules[] = {
    {NULL, "agent_passport_id", MEMBER_STRING, REQUIRED},
    {NULL, "namespace", MEMBER_STRING, REQUIRED},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule memory_single_rules[] = {
    {NULL, "memory_id", MEMBER_STRING, REQUIRED},
    {NULL, "memory_type", MEMBER_STRING, REQUIRED},
    {NULL, "content_hash", MEMBER_HEX, REQUIRED},
    {NULL, "prev_hash", MEMBER_HEX_OR_NULL, REQUIRED},
    /* Members of the other form are checked as any listed member is: when they are there. */
    {NULL, "session_id", MEMBER_STRING},
    {NULL, "entry_count", MEMBER_UINT},
    {NULL, NULL, MEMBER_TEXT},
};

static const struct member_rule memory_batched_rules[] = {
    {NULL, "session_id", MEMBER_STRING, REQUIRED}, {NULL, "entry_hashes", MEMBER_HEXES, REQUIRED},
    {NULL, "entry_count", MEMBER_UINT, REQUIRED},  {NULL, "memory_id", MEMBER_STRING},
    {NULL, "memory_type", MEMBER_STRING},          {NULL, "content_hash", MEMBER_HEX},
    {NULL, "prev_hash", MEMBER_HEX_OR_NULL},       {NULL, NULL, MEMBER_TEXT},
};

static const struct {
    const char *name;
    const struct member_rule *rules[2];
} types[] = {
    [RECEIPT_INFERENCE] = {"inference", {run_rules}},
    [RECEIPT_COMPUTE] = {"compute", {run_rules, compute_rules}},
    [RECEIPT_TOOL] = {"tool", {tool_rules}},
    [RECEIPT_AGENT] = {"agent", {agent_rules}},
    [RECEIPT_DATASET] = {"dataset", {dataset_rules}},
    [RECEIPT_MEMORY] = {"memory", {memory_rules}},
};

enum { TYPES_END = sizeof(types) / sizeof(types[0]) };

const char *receipt_type_name(enum receipt_type type)
{
    lucid_assert(type >= RECEIPT_INFERENCE && (int)type < TYPES_END);
    return types[type].name;
}

/* --- refusals --- */

#define NO_INDEX SIZE_MAX

static enum lucid_error member_refuse(struct lucid_why *why, const char *inside, const char *name,
                                      size_t index, const char *text)
{
    char param[sizeof(why->param)];
    char element[24] = "";
    if (index != NO_INDEX) {
        snprintf(element, sizeof(element), "[%zu]", index);
    }
    snprintf(param, sizeof(param), "body.%s%s%s%s", inside == NULL ? "" : inside,
             inside == NULL ? "" : ".", name, element);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", param, "%s %s", param, text);
}

static const char *rule_demand(const struct member_rule *rule)
{
    switch (rule->kind) {
    case MEMBER_TEXT:
        return "must be a string";
    case MEMBER_STRING:
        return "must be a string of 1 to 1024 bytes";
    case MEMBER_STRING_OR_NULL:
        return "must be a string of 1 to 1024 bytes, or null";
    case MEMBER_HEX:
        return "must be 64 lower-case hex digits";
    case MEMBER_HEX_OR_NULL:
        return "must be 64 lower-case hex digits, or null";
    case MEMBER_DIGEST_OR_NULL:
        return "must be \"" DIGEST_PREFIX "\" and 64 lower-case hex digits, or null";
    case MEMBER_UINT:
        return "must be an integer from 0 to 9007199254740991";
    case MEMBER_NUMBER:
        return "must be a number that is not negative";
    case MEMBER_BOOLEAN:
        return "must be true or false";
    case MEMBER_WORD:
        return rule->words->demand;
    case MEMBER_OBJECT:
        return "must be an object";
    case MEMBER_STRINGS:
        return "must be an array of strings";
    case MEMBER_HEXES:
        return "must be an array of strings of 64 hex digits";
    }
    return "is not as it should be";
}

/* --- values --- */

static bool is_text(const struct jcs_value *value)
{
    return value != NULL && jcs_type(value) == JCS_STRING;
}

static bool is_string(const struct jcs_value *value)
{
    if (!is_text(value)) {
        return false;
    }
    size_t len = jcs_string(value).len;
    return len >= 1 && len <= STRING_BYTES_MAX;
}

static bool is_hex(const struct jcs_value *value)
{
    return is_text(value) && lucid_is_hex(jcs_string(value), 64);
}

static bool is_digest(const struct jcs_value *value)
{
    const size_t prefix_len = sizeof(DIGEST_PREFIX) - 1;
    if (!is_text(value)) {
        return false;
    }
    struct lucid_span text = jcs_string(value);
    return text.len > prefix_len && memcmp(text.data, DIGEST_PREFIX, prefix_len) == 0 &&
           lucid_is_hex(lucid_span(text.data + prefix_len, text.len - prefix_len), 64);
}

static bool is_null(const struct jcs_value *value)
{
    return jcs_type(value) == JCS_NULL;
}

static bool is_word(const struct jcs_value *value, const struct member_words *words)
{
    if (!is_text(value)) {
        return false;
    }
    for (size_t i = 0; words->word[i] != NULL; i++) {
        if (lucid_span_is(jcs_string(value), words->word[i])) {
            return true;
        }
    }
    return false;
}

/* Of an array only that it is one: its elements are list_check's. */
static bool value_fits(const struct member_rule *rule, const struct jcs_value *value)
{
    uint64_t integer;
    enum jcs_type type = jcs_type(value);
    switch (rule->kind) {
    case MEMBER_TEXT:
        return is_text(value);
    case MEMBER_STRING:
        return is_string(value);
    case MEMBER_STRING_OR_NULL:
        return is_string(value) || is_null(value);
    case MEMBER_HEX:
        return is_hex(value);
    case MEMBER_HEX_OR_NULL:
        return is_hex(value) || is_null(value);
    case MEMBER_DIGEST_OR_NULL:
        return is_digest(value) || is_null(value);
    case MEMBER_UINT:
        return jcs_uint(value, &integer);
    case MEMBER_NUMBER:
        return type == JCS_NUMBER && jcs_number(value) >= 0.0;
    case MEMBER_BOOLEAN:
        return type == JCS_TRUE || type == JCS_FALSE;
    case MEMBER_WORD:
        return is_word(value, rule->words);
    case MEMBER_OBJECT:
        return type == JCS_OBJECT;
    case MEMBER_STRINGS:
    case MEMBER_HEXES:
        return type == JCS_ARRAY;
    }
    return false;
}

static enum lucid_error list_check(const struct member_rule *rule, const struct jcs_value *list,
                                   struct lucid_why *why)
{
    const struct member_rule element = {
        .kind = rule->kind == MEMBER_HEXES ? MEMBER_HEX : MEMBER_STRING,
    };
    size_t index = 0;
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        if (!value_fits(&element, at)) {
            return member_refuse(why, rule->inside, rule->name, index, rule_demand(&element));
        }
        index++;
    }
    return LUCID_OK;
}

static enum lucid_error rules_check(const struct member_rule *rules, const struct jcs_value *body,
                                    struct lucid_why *why)
{
    for (const struct member_rule *rule = rules; rule->name != NULL; rule++) {
        /* The object was checked by an earlier rule; one that may be absent has no members. */
        const struct jcs_value *object =
            rule->inside == NULL ? body : jcs_member(body, rule->inside);
        const struct jcs_value *value = jcs_member(object, rule->name);
        if (value == NULL) {
            if (rule->required) {
                return member_refuse(why, rule->inside, rule->name, NO_INDEX, "is missing");
            }
            continue;
        }
        if (!value_fits(rule, value)) {
            return member_refuse(why, rule->inside, rule->name, NO_INDEX, rule_demand(rule));
        }
        if (rule->kind == MEMBER_STRINGS || rule->kind == MEMBER_HEXES) {
            enum lucid_error error = list_check(rule, value, why);
            if (error != LUCID_OK) {
                return error;
            }
        }
    }
    return LUCID_OK;
}

/* --- the members that every body has --- */

static bool is_run_id_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
}

bool receipt_run_id_ok(struct lucid_span run_id)
{
    if (run_id.len < RECEIPT_RUN_ID_BYTES_MIN || run_id.len > RECEIPT_RUN_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < run_id.len; i++) {
        if (!is_run_id_char(run_id.data[i])) {
            return false;
        }
    }
    /* Those would be taken for a receipt hash in a route. */
    return !lucid_is_hex(run_id, 64);
}

static bool type_parse(const struct jcs_value *value, enum receipt_type *ret)
{
    if (!is_text(value)) {
        return false;
    }
    for (int type = RECEIPT_INFERENCE; type < TYPES_END; type++) {
        if (lucid_span_is(jcs_string(value), types[type].name)) {
            *ret = (enum receipt_type)type;
            return true;
        }
    }
    return false;
}

static enum lucid_error head_refuse(const struct jcs_value *value, const char *name,
                                    const char *demand, struct lucid_why *why)
{
    return member_refuse(why, NULL, name, NO_INDEX, value == NULL ? "is missing" : demand);
}

static enum lucid_error head_check(const struct jcs_value *body, uint64_t timestamp_max,
                                   struct receipt_facts *ret, struct lucid_why *why)
{
    const struct jcs_value *version = jcs_member(body, "schema_version");
    if (!is_text(version) || !lucid_span_is(jcs_string(version), "1.0")) {
        return head_refuse(version, "schema_version", "must be \"1.0\"", why);
    }
    const struct jcs_value *type = jcs_member(body, "receipt_type");
    if (!type_parse(type, &ret->type)) {
        return head_refuse(type, "receipt_type",
                           "must be one of inference, compute, tool, agent, dataset, memory", why);
    }
    const struct jcs_value *run_id = jcs_member(body, "run_id");
    if (!is_text(run_id) || !receipt_run_id_ok(jcs_string(run_id))) {
        return head_refuse(run_id, "run_id",
                           "must be 10 to 128 characters of A-Z a-z 0-9 . _ : - and not 64 hex "
                           "digits",
                           why);
    }
    ret->run_id = jcs_string(run_id);
    const struct jcs_value *timestamp = jcs_member(body, "timestamp");
    if (!jcs_uint(timestamp, &ret->timestamp)) {
        return head_refuse(timestamp, "timestamp",
                           "must be Unix seconds, an integer that is not negative", why);
    }
    if (ret->timestamp > timestamp_max) {
        return head_refuse(timestamp, "timestamp", "lies too far ahead of the server's clock", why);
    }
    return LUCID_OK;
}

/* A memory receipt holds one memory or, when entry_hashes is there, a batch of them. */
static enum lucid_error memory_check(const struct jcs_value *body, struct lucid_why *why)
{
    const struct jcs_value *hashes = jcs_member(body, "entry_hashes");
    if (hashes == NULL) {
        return rules_check(memory_single_rules, body, why);
    }
    enum lucid_error error = rules_check(memory_batched_rules, body, why);
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t count = 0;
    if (!jcs_uint(jcs_member(body, "entry_count"), &count) || count != jcs_count(hashes)) {
        return member_refuse(why, NULL, "entry_count", NO_INDEX,
                             "must be the number of entry_hashes");
    }
    return LUCID_OK;
}

enum lucid_error receipt_body_check(const struct jcs_value *body, uint64_t timestamp_max,
                                    struct receipt_facts *ret, struct lucid_why *why)
{
    if (jcs_type(body) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", "body",
                            "body must be an object");
    }
    struct receipt_facts facts = {.timestamp = 0};
    enum lucid_error error = head_check(body, timestamp_max, &facts, why);
    if (error == LUCID_OK) {
        error = rules_check(common_rules, body, why);
    }
    for (size_t i = 0; error == LUCID_OK && i < 2 && types[facts.type].rules[i] != NULL; i++) {
        error = rules_check(types[facts.type].rules[i], body, why);
    }
    if (error == LUCID_OK && facts.type == RECEIPT_MEMORY) {
        error = memory_check(body, why);
    }
    if (error == LUCID_OK) {
        *ret = facts;
    }
    return error;
}
