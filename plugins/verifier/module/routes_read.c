/* GET /v1/attestation/appraisals, …/{id} and its bundle; the same of claims. */
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/module/appraise.h"

/* --- lists ------------------------------------------------------------------------------------ */

static enum lucid_error appraisal_row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_APPRAISAL, "appraisalId", from, ret_sequence);
}

static enum lucid_error appraisals(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, appraisal_row, why);
}

enum lucid_plugin_result route_appraisals(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, appraisals, why);
}

/* --- bundles ---------------------------------------------------------------------------------- */

static enum lucid_error blob_of(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                struct lucid_span *ret)
{
    return ask_blob(context, digest, ret);
}

/* The plugin's keys as a JWK set. */
static enum lucid_error keys_write(struct ask *ask, struct lucid_buf *out)
{
    uint8_t keys[RECORD_KEYS_MAX][32];
    size_t count = 0;
    enum lucid_error error = ask_keys(ask, NULL, keys, RECORD_KEYS_MAX, &count);
    if (error == LUCID_OK && !key_set_write(keys, count, out)) {
        error = LUCID_RETRY_MEMORY;
    }
    return error;
}

/* `"proof":{…}` while a head covers the leaf, else nothing. */
static enum lucid_error proof_member(struct ask *ask, uint64_t leaf, struct lucid_buf *out)
{
    struct lucid_span proof;
    enum lucid_error error = ask_proof(ask, leaf, &proof);
    if (error == LUCID_OK) {
        lucid_buf_str(out, "\"proof\":");
        lucid_buf_span_put(out, proof);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

static enum lucid_error bundle_with(struct ask *ask, const struct kind_row *row,
                                    struct lucid_buf *keys, struct lucid_buf *members,
                                    struct lucid_why *why)
{
    struct lucid_span record;
    struct lucid_span ear;
    enum lucid_error error = ask_logged(ask, row->sequence, &record, &ear);
    if (error == LUCID_OK && ear.data == NULL) {
        error = LUCID_NOTE_ERASED;
    }
    if (error == LUCID_OK) {
        error = keys_write(ask, keys);
    }
    if (error == LUCID_OK) {
        error = proof_member(ask, row->leaf, members);
    }
    if (error == LUCID_OK && !(lucid_buf_ok(keys) && lucid_buf_ok(members))) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error == LUCID_OK) {
        error = bundle_write(record, ear, lucid_buf_span(keys), lucid_buf_span(members), blob_of,
                             ask, &ask->arena, &ask->out, why);
    }
    /* What the log names is there, or was erased: never just absent. */
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error bundle(struct ask *ask, const struct kind_row *row, struct lucid_why *why)
{
    struct lucid_buf keys = {0};
    struct lucid_buf members = {0};
    if ((ask->host->call_scopes(ask->call) & (uint32_t)LUCID_PLUGIN_SCOPE_AUDIT) == 0) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "FORBIDDEN", "bundle",
                            "evidence needs a token with the scope audit");
    }
    enum lucid_error error = bundle_with(ask, row, &keys, &members, why);
    lucid_buf_fini(&keys);
    lucid_buf_fini(&members);
    return error;
}

/* --- one -------------------------------------------------------------------------------------- */

enum lucid_error appraise_find(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                               struct kind_row *ret, enum kind_item *ret_item)
{
    *ret_item = KIND_APPRAISAL;
    enum lucid_error error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, ret);
    if (error == LUCID_NOTE_ABSENT) {
        *ret_item = KIND_CLAIMS;
        error = kind_find(ask->host, ask->view, KIND_CLAIMS, id, ret);
    }
    return error;
}

static enum lucid_error one_write(struct ask *ask, enum kind_item item, const struct kind_row *row,
                                  bool wants_bundle, struct lucid_why *why)
{
    if (wants_bundle) {
        return bundle(ask, row, why);
    }
    return item == KIND_CLAIMS ? answer_item_write(ask, item, row, true)
                               : answer_write(ask, row, true, why);
}

static enum lucid_error one(struct ask *ask, bool claims_only, struct lucid_why *why)
{
    uint8_t id[LUCID_SHA256_BYTES];
    struct kind_row row;
    enum kind_item item = KIND_CLAIMS;
    bool wants_bundle = false;
    enum lucid_error error = ask_flag(ask, "bundle", &wants_bundle, why);
    if (error == LUCID_OK) {
        error = ask_id(ask, id);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = claims_only ? kind_find(ask->host, ask->view, item, id, &row)
                            : appraise_find(ask, id, &row, &item);
    }
    if (error == LUCID_OK) {
        error = one_write(ask, item, &row, wants_bundle, why);
    }
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

static enum lucid_error appraisal(struct ask *ask, struct lucid_why *why)
{
    return one(ask, false, why);
}

static enum lucid_error claims(struct ask *ask, struct lucid_why *why)
{
    return one(ask, true, why);
}

enum lucid_plugin_result route_appraisal(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_why *why)
{
    return ask_run(self, call, appraisal, why);
}

enum lucid_plugin_result route_claims_one(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, claims, why);
}
