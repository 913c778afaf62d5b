/* PUT and GET /v1/attestation/policies, /references: signed documents on the log. */
#include <stdio.h>

#include "plugins/verifier/module/appraise.h"

/* What the two sorts of documents differ in. */
struct sort {
    enum kind_item item;
    const char *event;
    enum lucid_error (*check)(struct ask *ask, struct lucid_span text, const char **ret_name,
                              struct lucid_why *why);
};

static enum lucid_error policy_check(struct ask *ask, struct lucid_span text, const char **ret_name,
                                     struct lucid_why *why)
{
    struct kind_row row;
    struct policy *policy = lucid_arena_zalloc(&ask->arena, sizeof(*policy));
    if (policy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = policy_parse(text, &ask->arena, policy, why);
    for (size_t i = 0; i < policy->reference_count && error == LUCID_OK; i++) {
        error = kind_find(ask->host, ask->view, KIND_REFERENCE, policy->references[i], &row);
        if (error == LUCID_NOTE_ABSENT) {
            char param[32];
            (void)snprintf(param, sizeof(param), "references[%zu]", i);
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "REFERENCE_UNKNOWN", param,
                                "no such reference set is on this log: put it first");
        }
    }
    *ret_name = policy->name;
    return error;
}

static enum lucid_error reference_check(struct ask *ask, struct lucid_span text,
                                        const char **ret_name, struct lucid_why *why)
{
    struct reference_set *set = lucid_arena_zalloc(&ask->arena, sizeof(*set));
    if (set == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *ret_name = set->name;
    return reference_parse(text, &ask->arena, set, why);
}

static const struct sort policy_sort = {KIND_POLICY, "attestation.policy", policy_check};
static const struct sort reference_sort = {KIND_REFERENCE, "attestation.reference",
                                           reference_check};

/* --- put -------------------------------------------------------------------------------------- */

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    const struct lucid_plugin_host *host = context;
    return host->verify(host, key, kit_bytes(message), signature);
}

static enum lucid_error key_check(const struct verifier *verifier, const uint8_t key[32],
                                  struct lucid_why *why)
{
    for (size_t i = 0; i < verifier->document_key_count; i++) {
        if (memcmp(verifier->document_keys[i], key, 32) == 0) {
            return LUCID_OK;
        }
    }
    return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "DOCUMENT_KEY_UNKNOWN", "signature.publicKey",
                        "this key is not among verifier.document_keys");
}

/* The event's payload, canonical. */
static enum lucid_error payload_make(struct ask *ask, const struct sort *sort, const char *name,
                                     const uint8_t key[32], const uint8_t id[32], size_t bytes,
                                     struct lucid_plugin_bytes *ret)
{
    struct lucid_buf text = {0};
    lucid_buf_char(&text, '{');
    lucid_json_member_u64(&text, "bytes", bytes);
    lucid_json_member_hex(&text, "id", id, 32);
    lucid_json_member_hex(&text, "key", key, 32);
    lucid_json_member_cstr(&text, "name", name);
    lucid_json_member_cstr(&text, "type", sort->event);
    lucid_buf_char(&text, '}');
    enum lucid_error error = ask_keep_canonical(ask, &text, ret);
    lucid_buf_fini(&text);
    return error;
}

static enum lucid_error submit(struct ask *ask, const struct sort *sort, struct lucid_span document,
                               const char *name, const uint8_t key[32], const uint8_t id[32])
{
    struct lucid_plugin_command submitted = {.kind = KIND_NAME, .blob_count = 1};
    struct kind_command *command = ask->host->call_alloc(ask->call, sizeof(*command));
    struct lucid_plugin_bytes *blob = ask->host->call_alloc(ask->call, sizeof(*blob));
    uint8_t *entry = ask->host->call_alloc(ask->call, LUCID_PLUGIN_ENTRY_BYTES);
    if (command == NULL || blob == NULL || entry == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *command = (struct kind_command){.type = sort->event, .item = sort->item};
    memcpy(command->id, id, LUCID_SHA256_BYTES);
    enum lucid_error error = ask_keep(ask, document, blob);
    if (error == LUCID_OK) {
        error = payload_make(ask, sort, name, key, id, document.len, &command->payload);
    }
    if (error != LUCID_OK) {
        return error;
    }
    ask->host->entry(ask->host, command->payload, entry);
    command->entry = entry;
    submitted.data = command;
    submitted.blobs = blob;
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

static enum lucid_error put(struct ask *ask, const struct sort *sort, struct lucid_why *why)
{
    struct lucid_span body = kit_span(ask->host->call_body(ask->call));
    struct lucid_span document;
    const char *name = "";
    uint8_t key[DOCUMENT_KEY_BYTES];
    uint8_t id[LUCID_SHA256_BYTES];
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = document_check(body, verify, (void *)(uintptr_t)ask->host, &ask->arena, &document,
                               key, id, why);
    }
    if (error == LUCID_OK) {
        error = key_check(verifier_of(ask), key, why);
    }
    if (error == LUCID_OK) {
        error = sort->check(ask, document, &name, why);
    }
    return error == LUCID_OK ? submit(ask, sort, document, name, key, id) : error;
}

static enum lucid_error policy_put(struct ask *ask, struct lucid_why *why)
{
    return put(ask, &policy_sort, why);
}

static enum lucid_error reference_put(struct ask *ask, struct lucid_why *why)
{
    return put(ask, &reference_sort, why);
}

enum lucid_plugin_result route_policy_put(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, policy_put, why);
}

enum lucid_plugin_result route_reference_put(void *self, struct lucid_plugin_call *call,
                                             struct lucid_plugin_why *why)
{
    return ask_run(self, call, reference_put, why);
}

/* --- read ------------------------------------------------------------------------------------- */

/* {"id","name","key","bytes","type",…,"receipt"} and, where it is asked for alone, the document. */
static enum lucid_error document_write(struct ask *ask, const struct kind_row *row, bool whole)
{
    struct lucid_buf *out = &ask->out;
    struct lucid_span document;
    enum lucid_error error = ask_row_write(ask, row, NULL);
    if (error != LUCID_OK) {
        return error;
    }
    out->len--; /* the brace: more comes */
    error = ask_place_write(ask, row->leaf);
    if (error == LUCID_OK && whole) {
        error = ask_blob(ask, row->id, &document);
        if (error == LUCID_OK) {
            lucid_json_member(out, "document");
            lucid_buf_span_put(out, document);
        }
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    lucid_buf_char(out, '}');
    return error;
}

static enum lucid_error put_answered(struct ask *ask, struct lucid_why *why)
{
    const struct kind_command *command = ask->command->data;
    struct kind_row row;
    (void)why;
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = kind_find(ask->host, ask->view, command->item, command->ret_id, &row);
    }
    if (error == LUCID_OK) {
        error = document_write(ask, &row, false);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    return ask_answer(ask, command->ret_known ? 200 : 201);
}

enum lucid_plugin_result answered_document(void *self, struct lucid_plugin_call *call,
                                           struct lucid_plugin_command *command,
                                           struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, put_answered, why);
}

/* A built-in policy is on no log: it is in the program. */
static enum lucid_error built_in(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES])
{
    struct lucid_buf *out = &ask->out;
    struct lucid_span document;
    if (!policy_built_in(id, &document)) {
        return LUCID_NOTE_ABSENT;
    }
    lucid_buf_char(out, '{');
    canonical_digest(out, "id", id);
    lucid_json_member_bool(out, "builtIn", true);
    lucid_json_member_u64(out, "bytes", document.len);
    lucid_json_member(out, "document");
    lucid_buf_span_put(out, document);
    lucid_buf_char(out, '}');
    return ask_answer(ask, 200);
}

static enum lucid_error get(struct ask *ask, const struct sort *sort)
{
    uint8_t id[LUCID_SHA256_BYTES];
    struct kind_row row;
    enum lucid_error error = ask_id(ask, id);
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = kind_find(ask->host, ask->view, sort->item, id, &row);
        if (error == LUCID_NOTE_ABSENT && sort->item == KIND_POLICY) {
            return built_in(ask, id);
        }
    }
    if (error == LUCID_OK) {
        error = document_write(ask, &row, true);
    }
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

static enum lucid_error policy_get(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    return get(ask, &policy_sort);
}

static enum lucid_error reference_get(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    return get(ask, &reference_sort);
}

enum lucid_plugin_result route_policy(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, policy_get, why);
}

enum lucid_plugin_result route_reference(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_why *why)
{
    return ask_run(self, call, reference_get, why);
}

static enum lucid_error policy_row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_POLICY, NULL, from, ret_sequence);
}

static enum lucid_error reference_row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_REFERENCE, NULL, from, ret_sequence);
}

static enum lucid_error policies(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, policy_row, why);
}

static enum lucid_error references(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, reference_row, why);
}

enum lucid_plugin_result route_policies(void *self, struct lucid_plugin_call *call,
                                        struct lucid_plugin_why *why)
{
    return ask_run(self, call, policies, why);
}

enum lucid_plugin_result route_references(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, references, why);
}
