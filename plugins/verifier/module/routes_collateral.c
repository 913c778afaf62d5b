/* POST and GET /v1/attestation/collateral: certificates and revocation lists that were fetched
 * beside appraisals. */
#include <stdio.h>

#include "plugins/verifier/module/appraise.h"
#include "plugins/verifier/schemes/collateral.h"

/* The command and what is said about the item afterwards. */
struct import {
    struct kind_command command; /* first member */
    struct collateral_item item;
};

/* --- import ----------------------------------------------------------------------------------- */

static enum lucid_error item_read(struct ask *ask, const struct jcs_value *body,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    struct lucid_span text;
    enum lucid_error error = ask_text(body, "", "item", true,
                                      lucid_base64_len(APPRAISAL_COLLATERAL_BYTES_MAX), &text, why);
    return error == LUCID_OK ? ask_pem(ask, text, APPRAISAL_COLLATERAL_BYTES_MAX, "item", ret, why)
                             : error;
}

static enum lucid_error submit(struct ask *ask, struct import *import, struct lucid_span bytes)
{
    struct lucid_plugin_command submitted = {.kind = KIND_NAME, .blob_count = 1, .data = import};
    struct kind_command *command = &import->command;
    struct lucid_plugin_bytes *blob = ask->host->call_alloc(ask->call, sizeof(*blob));
    struct lucid_buf text = {0};
    if (blob == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    *blob = kit_bytes(bytes);
    command->type = "attestation.collateral";
    command->is_collateral = true;
    command->imported_s = ask->now_ms / 1000;
    command->key = kit_bytes(lucid_span_str(import->item.key));
    lucid_sha256(bytes, command->sha256);
    lucid_buf_char(&text, '{');
    lucid_json_member_u64(&text, "importedAt", command->imported_s);
    lucid_json_member_cstr(&text, "key", import->item.key);
    lucid_json_member_hex(&text, "sha256", command->sha256, LUCID_SHA256_BYTES);
    lucid_buf_char(&text, '}');
    enum lucid_error error = ask_keep_canonical(ask, &text, &command->payload);
    lucid_buf_fini(&text);
    if (error == LUCID_OK) {
        submitted.blobs = blob;
        ask->host->call_submit(ask->call, &submitted);
    }
    return error;
}

/* A revocation list is compared with the one that it would replace; the writer makes sure that it
 * still is that one. One whose bytes were erased holds nobody up. */
static enum lucid_error order_check(struct ask *ask, struct import *import, struct lucid_span bytes,
                                    struct lucid_why *why)
{
    struct kind_import newest;
    struct lucid_span kept;
    import->command.ordered = import->item.ordered;
    if (!import->item.ordered) {
        return LUCID_OK;
    }
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = kind_collateral(ask->host, ask->view, lucid_span_str(import->item.key), &newest);
    }
    if (error == LUCID_OK) {
        import->command.seen = newest.sequence;
        error = ask_blob(ask, newest.sha256, &kept);
    }
    if (error == LUCID_OK) {
        error = collateral_replaces(&import->item, bytes, kept, why);
    }
    return lucid_category(error) == LUCID_CATEGORY_NOTE ? LUCID_OK : error;
}

/* By the rules of that kind of evidence. */
static enum lucid_error item_check(const struct ask *ask, struct lucid_span type,
                                   struct lucid_span product, struct lucid_span bytes,
                                   uint64_t time_s, struct collateral_item *ret,
                                   struct lucid_why *why)
{
    const struct verifier *verifier = verifier_of(ask);
    const struct scheme *scheme = scheme_named(type);
    if (scheme == &scheme_snp) {
        return collateral_snp(bytes, product, verifier->test_roots, time_s, ret, why);
    }
    if (scheme == &scheme_mock && !verifier->allow_mock) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "COLLATERAL_REFUSED", "type",
                            "this verifier takes no mock evidence");
    }
    if (scheme == &scheme_mock) {
        return collateral_mock(bytes, product, verifier->mock_roots, time_s, ret, why);
    }
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "EVIDENCE_TYPE_UNKNOWN", "type",
                        "nothing is imported for this kind of evidence");
}

static enum lucid_error post(struct ask *ask, struct lucid_why *why)
{
    static const char *const members[] = {"type", "product", "item", "test_time", NULL};
    const struct jcs_value *body;
    struct lucid_span type;
    struct lucid_span product;
    struct lucid_span bytes;
    uint64_t time_s = 0;
    struct import *import = ask->host->call_alloc(ask->call, sizeof(*import));
    if (import == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = ask_document(ask, members, &body, why);
    if (error == LUCID_OK) {
        error = ask_text(body, "", "type", true, APPRAISAL_NAME_BYTES_MAX, &type, why);
    }
    if (error == LUCID_OK) {
        error = ask_text(body, "", "product", false, 32, &product, why);
    }
    if (error == LUCID_OK) {
        error = ask_test_time(ask, body, &time_s, why);
    }
    if (error == LUCID_OK) {
        error = item_read(ask, body, &bytes, why);
    }
    if (error == LUCID_OK) {
        error = item_check(ask, type, product, bytes, time_s, &import->item, why);
    }
    if (error == LUCID_OK) {
        error = order_check(ask, import, bytes, why);
    }
    return error == LUCID_OK ? submit(ask, import, bytes) : error;
}

enum lucid_plugin_result route_collateral_post(void *self, struct lucid_plugin_call *call,
                                               struct lucid_plugin_why *why)
{
    return ask_run(self, call, post, why);
}

static void row_write(struct ask *ask, const struct kind_import *import)
{
    struct lucid_buf *out = &ask->out;
    lucid_json_member_str(out, "key", import->key);
    canonical_digest(out, "digest", import->sha256);
    lucid_json_member_time(out, "imported_at", import->imported_s * 1000);
    lucid_json_member_u64(out, "sequence", import->sequence);
}

static enum lucid_error post_answered(struct ask *ask, struct lucid_why *why)
{
    const struct import *import = ask->command->data;
    struct kind_import found;
    (void)why;
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = kind_collateral(ask->host, ask->view, lucid_span_str(import->item.key), &found);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    lucid_buf_char(&ask->out, '{');
    row_write(ask, &found);
    lucid_json_member_cstr(&ask->out, "what", import->item.what);
    lucid_json_member_bool(&ask->out, "test_root", import->item.test_root);
    lucid_json_member_time(&ask->out, "valid_from", import->item.valid_from_s * 1000);
    lucid_json_member_time(&ask->out, "valid_to", import->item.valid_to_s * 1000);
    lucid_buf_char(&ask->out, '}');
    return ask_answer(ask, import->command.ret_known ? 200 : 201);
}

enum lucid_plugin_result answered_collateral(void *self, struct lucid_plugin_call *call,
                                             struct lucid_plugin_command *command,
                                             struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, post_answered, why);
}

/* --- list ------------------------------------------------------------------------------------- */

/* What was imported when; "current" says whether an appraisal would use it. */
static enum lucid_error list_row(struct ask *ask, uint64_t from, uint64_t *ret_sequence)
{
    struct kind_import import;
    struct kind_import newest;
    enum lucid_error error =
        kind_import_step(ask->host, ask->view, from, ask->newest_first, &import);
    if (error == LUCID_OK) {
        error = kind_collateral(ask->host, ask->view, import.key, &newest);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    lucid_buf_char(&ask->out, '{');
    row_write(ask, &import);
    lucid_json_member_bool(&ask->out, "current", newest.sequence == import.sequence);
    lucid_buf_char(&ask->out, '}');
    *ret_sequence = import.sequence;
    return LUCID_OK;
}

static enum lucid_error list(struct ask *ask, struct lucid_why *why)
{
    return ask_list(ask, list_row, why);
}

enum lucid_plugin_result route_collateral(void *self, struct lucid_plugin_call *call,
                                          struct lucid_plugin_why *why)
{
    return ask_run(self, call, list, why);
}
