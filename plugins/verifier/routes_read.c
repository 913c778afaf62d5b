/* GET /v1/attestation/appraisals, …/{id} and its bundle; the same of claims. */
#include <stdio.h>

#include "base/base64url.h"
#include "plugins/verifier/appraise.h"
#include "plugins/verifier/bundle.h"

/* --- lists ------------------------------------------------------------------------------------ */

static enum lucid_error appraisal_row(struct ask *ask, uint64_t before, uint64_t *ret_sequence)
{
    return ask_item_row(ask, KIND_APPRAISAL, "appraisalId", before, ret_sequence);
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
    enum lucid_error error = ask_keys(ask, keys, RECORD_KEYS_MAX, &count);
    lucid_buf_str(out, "{\"keys\":[");
    for (size_t i = 0; i < count && error == LUCID_OK; i++) {
        struct lucid_buf jwk = {0};
        uint8_t digest[LUCID_SHA256_BYTES];
        lucid_buf_str(&jwk, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
        lucid_base64url_write(&jwk, lucid_span(keys[i], sizeof(keys[i])));
        lucid_buf_str(&jwk, "\"");
        lucid_buf_str(out, i > 0 ? "," : "");
        lucid_buf_span_put(out, lucid_buf_span(&jwk));
        lucid_buf_char(&jwk, '}');
        lucid_sha256(lucid_buf_span(&jwk), digest);
        lucid_buf_str(out, ",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"");
        lucid_base64url_write(out, lucid_span(digest, sizeof(digest)));
        lucid_buf_str(out, "\"}");
        error = lucid_buf_ok(&jwk) ? LUCID_OK : LUCID_RETRY_MEMORY;
        lucid_buf_fini(&jwk);
    }
    lucid_buf_str(out, "]}");
    return error;
}

/* `"proof":{…}` while a head covers the leaf, else nothing. */
static enum lucid_error proof_member(struct ask *ask, uint64_t leaf, struct lucid_buf *out)
{
    struct lucid_plugin_out *proof = ask->host->out_new(ask->call);
    if (proof == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_plugin_result result = ask->host->view_proof(ask->view, leaf, proof);
    if (result == LUCID_PLUGIN_OK) {
        struct lucid_plugin_bytes text = ask->host->out_bytes(proof);
        if (text.data == NULL) {
            return LUCID_RETRY_MEMORY;
        }
        lucid_buf_str(out, "\"proof\":");
        lucid_buf_span_put(out, kind_span(text));
    }
    return result == LUCID_PLUGIN_OK || result == LUCID_PLUGIN_ABSENT ? LUCID_OK
           : result == LUCID_PLUGIN_BUSY                              ? LUCID_RETRY_BUSY
                                                                      : LUCID_FATAL_CORRUPT;
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
    struct lucid_span wanted = kind_span(ask->host->call_query(ask->call, "bundle"));
    bool wants_bundle = lucid_span_is(wanted, "1") || lucid_span_is(wanted, "true");
    if (wanted.len > 0 && !wants_bundle && !lucid_span_is(wanted, "0") &&
        !lucid_span_is(wanted, "false")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_PARAMETER", "bundle",
                            "it must be 1 or 0");
    }
    enum lucid_error error = ask_id(ask, id);
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
