/* POST /v1/attestation/replay: the same appraisal again, from a bundle or from the log. */
#include "plugins/verifier/bundle.h"
#include "plugins/verifier/module/appraise.h"

static enum lucid_error blob_of(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                                struct lucid_span *ret)
{
    return ask_blob(context, digest, ret);
}

static bool verify(const uint8_t key[DOCUMENT_KEY_BYTES], struct lucid_span message,
                   const uint8_t signature[DOCUMENT_SIGNATURE_BYTES], void *context)
{
    const struct lucid_plugin_host *host = context;
    return host->verify(host, key, kit_bytes(message), signature);
}

static enum lucid_error logged_replay(struct ask *ask, struct lucid_span text,
                                      const struct replay_trust *trust, struct replay *ret,
                                      struct lucid_why *why)
{
    uint8_t id[LUCID_SHA256_BYTES];
    struct kind_row row;
    enum kind_item item = KIND_APPRAISAL;
    struct lucid_span record = {NULL, 0};
    struct lucid_span ear = {NULL, 0};
    enum lucid_error error = ask_digest(text, "appraisalId", id, why);
    if (error == LUCID_OK) {
        error = appraise_find(ask, id, &row, &item);
    }
    if (error == LUCID_OK) {
        error = ask_logged(ask, row.sequence, &record, &ear);
    }
    if (error == LUCID_OK && ear.data == NULL) {
        error = LUCID_NOTE_ERASED;
    }
    return error == LUCID_OK
               ? replay_record(record, ear, blob_of, ask, trust, &ask->arena, ret, why)
               : error;
}

static enum lucid_error replay_with(struct ask *ask, struct replay *replay, struct lucid_why *why)
{
    static const char *const members[] = {"bundle", "appraisalId", NULL};
    const struct jcs_value *body;
    const struct jcs_value *bundle;
    uint8_t keys[RECORD_KEYS_MAX][DOCUMENT_KEY_BYTES];
    struct replay_trust trust = {.keys = (const uint8_t(*)[DOCUMENT_KEY_BYTES])keys,
                                 .verify = verify,
                                 .context = (void *)(uintptr_t)ask->host};
    struct lucid_span id;
    enum lucid_error error = ask_document(ask, NULL, &body, why);
    if (error != LUCID_OK) {
        return error;
    }
    /* A bundle as it was served has a record; a request around one has none. */
    bool is_bare = jcs_member(body, "record") != NULL;
    bundle = is_bare ? body : jcs_member(body, "bundle");
    error = is_bare ? LUCID_OK : ask_members_only(body, "", members, why);
    if (error == LUCID_OK) {
        error = ask_text(body, "", "appraisalId", false, 128, &id, why);
    }
    if (error == LUCID_OK) {
        error = ask_view(ask);
    }
    if (error == LUCID_OK) {
        error = ask_keys(ask, NULL, keys, RECORD_KEYS_MAX, &trust.key_count);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if ((bundle == NULL) == (id.len == 0)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "bundle",
                            "exactly one of bundle and appraisalId must be given");
    }
    return bundle != NULL ? replay_bundle_value(bundle, &trust, &ask->arena, replay, why)
                          : logged_replay(ask, id, &trust, replay, why);
}

/* Whether this log holds that very record: a bundle's may say other things beside the claims that
 * are signed. */
static enum lucid_error logged_write(struct ask *ask, const struct replay *replay)
{
    struct kind_row row;
    enum kind_item item;
    enum lucid_error error = appraise_find(ask, replay->record_id, &row, &item);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    ask->out.len--; /* the brace: more comes */
    lucid_json_member_bool(&ask->out, "logged", error == LUCID_OK);
    lucid_buf_char(&ask->out, '}');
    return LUCID_OK;
}

static enum lucid_error replay(struct ask *ask, struct lucid_why *why)
{
    struct replay *replay = lucid_arena_zalloc(&ask->arena, sizeof(*replay));
    if (replay == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = replay_with(ask, replay, why);
    if (error != LUCID_OK) {
        return error;
    }
    atomic_fetch_add_explicit(replay->outcome == REPLAY_SAME
                                  ? &verifier_of(ask)->counters.replays
                                  : &verifier_of(ask)->counters.replays_different,
                              1, memory_order_relaxed);
    replay_write(replay, &ask->out);
    error = lucid_buf_ok(&ask->out) ? logged_write(ask, replay) : LUCID_RETRY_MEMORY;
    return error == LUCID_OK ? ask_answer(ask, 200) : error;
}

enum lucid_plugin_result route_replay(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, replay, why);
}
