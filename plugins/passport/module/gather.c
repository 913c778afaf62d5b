/* What an issue rests on, loaded from the log, and what would be found of it today. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "plugins/passport/evidence.h"
#include "plugins/passport/module/module.h"
#include "plugins/verifier/record.h"

enum { CACHE_MAX = 1024, CACHE_S = 600 };

#define SECOND_MS 1000U

bool gather_ed25519(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                    const uint8_t signature[64], void *context)
{
    const struct lucid_plugin_host *host = context;
    return host->verify(host, key, kit_bytes(message), signature);
}

bool gather_sign(struct lucid_span message, uint8_t ret[64], void *context)
{
    const struct lucid_plugin_host *host = context;
    host->sign(host, kit_bytes(message), ret);
    return true;
}

/* --- today ------------------------------------------------------------------------------------ */

/* What was found lately, by appraisal: while nothing newer is imported. */
struct today_cache {
    CRYPTO_RWLOCK *lock;
    struct {
        uint8_t id[LUCID_SHA256_BYTES];
        uint64_t imported;  /* sequence of the newest import */
        uint64_t time_slot; /* 0: free */
        struct today today;
    } entries[CACHE_MAX];
};

struct today_cache *gather_cache_new(void)
{
    struct today_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL) {
        cache->lock = CRYPTO_THREAD_lock_new();
    }
    if (cache != NULL && cache->lock == NULL) {
        free(cache);
        cache = NULL;
    }
    return cache;
}

void gather_cache_free(struct today_cache *cache)
{
    if (cache != NULL) {
        CRYPTO_THREAD_lock_free(cache->lock);
        free(cache);
    }
}

/* Ids are digests: any of their bytes say where. */
static size_t cache_slot(const uint8_t id[LUCID_SHA256_BYTES])
{
    return (size_t)(lucid_get_be64(id) % CACHE_MAX);
}

static bool cache_find(struct today_cache *cache, const uint8_t id[LUCID_SHA256_BYTES],
                       uint64_t imported, uint64_t time_slot, struct today *ret)
{
    size_t at = cache_slot(id);
    lucid_assert(CRYPTO_THREAD_read_lock(cache->lock) == 1);
    bool found = cache->entries[at].time_slot == time_slot &&
                 cache->entries[at].imported == imported &&
                 memcmp(cache->entries[at].id, id, LUCID_SHA256_BYTES) == 0;
    if (found) {
        *ret = cache->entries[at].today;
    }
    lucid_assert(CRYPTO_THREAD_unlock(cache->lock) == 1);
    return found;
}

static void cache_keep(struct today_cache *cache, const uint8_t id[LUCID_SHA256_BYTES],
                       uint64_t imported, uint64_t time_slot, const struct today *today)
{
    size_t at = cache_slot(id);
    lucid_assert(CRYPTO_THREAD_write_lock(cache->lock) == 1);
    memcpy(cache->entries[at].id, id, LUCID_SHA256_BYTES);
    cache->entries[at].imported = imported;
    cache->entries[at].time_slot = time_slot;
    cache->entries[at].today = *today;
    lucid_assert(CRYPTO_THREAD_unlock(cache->lock) == 1);
}

enum lucid_error gather_blob(void *context, const uint8_t digest[LUCID_SHA256_BYTES],
                             struct lucid_span *ret)
{
    return ask_blob(context, digest, ret);
}

static enum lucid_error collateral_of(void *context, struct lucid_span key,
                                      struct appraisal_collateral *ret)
{
    struct ask *ask = context;
    struct kind_import import;
    enum lucid_error error = kind_collateral(ask->host, ask->view, key, &import);
    if (error == LUCID_OK) {
        error = ask_blob(ask, import.sha256, &ret->bytes);
    }
    if (error == LUCID_OK) {
        ret->imported_s = import.imported_s;
    }
    return error;
}

enum lucid_error gather_today(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                              struct lucid_span record, struct today *ret, struct lucid_why *why)
{
    struct today_cache *cache = module_of(ask)->today;
    struct kind_import newest = {.sequence = 0};
    uint64_t now_s = ask->now_ms / SECOND_MS;
    uint64_t slot = now_s / CACHE_S + 1;
    enum lucid_error error = kind_import_step(ask->host, ask->view, 0, true, &newest);
    if (error != LUCID_OK && error != LUCID_NOTE_END) {
        return error;
    }
    if (cache_find(cache, id, newest.sequence, slot, ret)) {
        return LUCID_OK;
    }
    const struct today_input input = {
        .record = record,
        .blob = gather_blob,
        .collateral = collateral_of,
        .context = ask,
        .now_s = now_s,
    };
    error = today_appraise(&input, &ask->arena, ret, why);
    if (error == LUCID_OK) {
        cache_keep(cache, id, newest.sequence, slot, ret);
    }
    return error;
}

/* --- what an issue rests on ------------------------------------------------------------------- */

enum lucid_error gather_blob_if(struct ask *ask, const uint8_t digest[LUCID_SHA256_BYTES],
                                struct lucid_span *ret)
{
    enum lucid_error error = ask_blob(ask, digest, ret);
    if (error == LUCID_NOTE_ERASED) {
        *ret = (struct lucid_span){0};
        return LUCID_OK;
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

/* Whether a result is signed by the key that the verifier signs with now. */
static enum lucid_error is_signed(struct ask *ask, struct lucid_span token, bool *ret)
{
    struct jose_key key = {.alg = JOSE_EDDSA};
    struct jose_token read;
    uint64_t since;
    uint64_t until = 1;
    *ret = false;
    enum lucid_error error =
        kit_error(ask->host->view_key_of(ask->view, "verifier", 0, key.x, &since, &until));
    if (error == LUCID_NOTE_ABSENT || token.len == 0) {
        return LUCID_OK;
    }
    if (error == LUCID_OK) {
        error = jose_read(token, JOSE_EDDSA, &ask->arena, &read, NULL);
    }
    if (lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        return LUCID_FATAL_CORRUPT; /* the log has it */
    }
    if (error == LUCID_OK) {
        *ret = until == 0 && jose_verify(&read, &key, gather_ed25519, (void *)(uintptr_t)ask->host);
    }
    return error;
}

/* The reference sets that an appraisal used. */
static enum lucid_error references_load(struct ask *ask, const struct record *record,
                                        struct issue_appraisal *ret)
{
    struct reference_set *sets =
        lucid_arena_zalloc(&ask->arena, (record->reference_count + 1) * sizeof(*sets));
    enum lucid_error error = sets != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
    for (size_t i = 0; i < record->reference_count && error == LUCID_OK; i++) {
        struct lucid_span text;
        error = ask_blob(ask, record->references[i], &text);
        if (error == LUCID_NOTE_ERASED) { /* then it vouches for nothing */
            error = LUCID_OK;
            continue;
        }
        if (error == LUCID_OK) {
            error = reference_parse(text, &ask->arena, &sets[ret->reference_count], NULL);
        }
        ret->reference_count += error == LUCID_OK ? 1 : 0;
    }
    ret->references = sets;
    return error == LUCID_NOTE_ABSENT || lucid_category(error) == LUCID_CATEGORY_REFUSE
               ? LUCID_FATAL_CORRUPT
               : error;
}

static enum lucid_error appraisal_load(struct ask *ask, const struct kind_row *row,
                                       struct issue_appraisal *ret, struct lucid_why *why)
{
    const struct record *record = NULL;
    struct today today;
    memcpy(ret->id, row->id, sizeof(ret->id));
    enum lucid_error error = ask_logged(ask, row->sequence, &ret->record, &ret->ear);
    if (error == LUCID_OK) {
        error = record_read(ret->record, &ask->arena, &record, NULL);
        error = lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
    }
    if (error == LUCID_OK) {
        error = gather_blob_if(ask, record->runtime_data, &ret->runtime_data);
    }
    if (error == LUCID_OK) {
        error = gather_blob_if(ask, record->evidences[0].evidence, &ret->evidence);
    }
    /* What is remembered of today may be older than an erasure. */
    for (size_t i = 1; error == LUCID_OK && i < record->evidence_count; i++) {
        struct lucid_span other;
        error = ask_blob(ask, record->evidences[i].evidence, &other);
    }
    if (error == LUCID_OK) {
        error = references_load(ask, record, ret);
    }
    if (error == LUCID_OK) {
        error = is_signed(ask, ret->ear, &ret->key_trusted);
    }
    if (error == LUCID_OK) {
        error = gather_today(ask, ret->id, ret->record, &today, why);
    }
    if (error == LUCID_NOTE_ERASED) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PASSPORT_REFUSED", "appraisals",
                            "what an appraisal rests on was erased: it cannot be judged today");
    }
    if (error == LUCID_OK) {
        ret->today = today.status;
        if (today.worse || today.code[0] != '\0') { /* also a step that fails, at the same status */
            (void)snprintf(ret->today_code, sizeof(ret->today_code), "%s",
                           today.code[0] != '\0' ? today.code : "worse");
        }
    }
    return error;
}

static enum lucid_error claims_load(struct ask *ask, const struct kind_row *row,
                                    struct issue_claims *ret)
{
    struct lucid_span token;
    memcpy(ret->id, row->id, sizeof(ret->id));
    enum lucid_error error = ask_logged(ask, row->sequence, &ret->record, &token);
    return error == LUCID_OK ? is_signed(ask, token, &ret->key_trusted) : error;
}

static enum lucid_error unknown(struct lucid_why *why, const char *code, const char *name, size_t i)
{
    char param[40];
    (void)snprintf(param, sizeof(param), "%s[%zu]", name, i);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, code, param,
                        "nothing of that id is on this log");
}

/* Where what is found goes. */
struct gathering {
    struct issue_appraisal *appraisals;
    size_t appraisal_count;
    struct issue_claims *claims;
    size_t claims_count;
    struct issue_interaction *interactions;
};

static enum lucid_error one_load(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                                 struct gathering *to, struct passport_rest *rest,
                                 struct lucid_why *why)
{
    struct kind_row row;
    memcpy(rest->id, id, sizeof(rest->id));
    rest->item = KIND_APPRAISAL;
    enum lucid_error error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, &row);
    if (error == LUCID_OK) {
        return appraisal_load(ask, &row, &to->appraisals[to->appraisal_count++], why);
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    rest->item = KIND_CLAIMS;
    error = kind_find(ask->host, ask->view, KIND_CLAIMS, id, &row);
    return error == LUCID_OK ? claims_load(ask, &row, &to->claims[to->claims_count++]) : error;
}

static enum lucid_error interaction_load(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                                         struct issue_interaction *ret)
{
    struct kind_row row;
    struct lucid_span body;
    memcpy(ret->id, id, sizeof(ret->id));
    enum lucid_error error = kind_find(ask->host, ask->view, KIND_INTERACTION, id, &row);
    return error == LUCID_OK ? ask_logged(ask, row.sequence, &ret->record, &body) : error;
}

enum lucid_error gather_issue(struct ask *ask, struct issue_input *ret,
                              struct passport_rest rests[PASSPORT_APPRAISALS_MAX],
                              struct lucid_why *why)
{
    const struct issue_request *request = ret->request;
    struct gathering to = {
        .appraisals =
            lucid_arena_zalloc(&ask->arena, PASSPORT_APPRAISALS_MAX * sizeof(*to.appraisals)),
        .claims = lucid_arena_zalloc(&ask->arena, PASSPORT_APPRAISALS_MAX * sizeof(*to.claims)),
        .interactions =
            lucid_arena_zalloc(&ask->arena, ISSUE_INTERACTIONS_MAX * sizeof(*to.interactions)),
    };
    if (to.appraisals == NULL || to.claims == NULL || to.interactions == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < request->appraisal_count; i++) {
        enum lucid_error error = one_load(ask, request->appraisals[i], &to, &rests[i], why);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT ? unknown(why, "APPRAISAL_UNKNOWN", "appraisals", i)
                                              : error;
        }
    }
    for (size_t i = 0; i < request->interaction_count; i++) {
        enum lucid_error error =
            interaction_load(ask, request->interactions[i], &to.interactions[i]);
        if (error != LUCID_OK) {
            return error == LUCID_NOTE_ABSENT
                       ? unknown(why, "INTERACTION_UNKNOWN", "interactions", i)
                       : error;
        }
    }
    ret->appraisals = to.appraisals;
    ret->appraisal_count = to.appraisal_count;
    ret->claims = to.claims;
    ret->claims_count = to.claims_count;
    ret->interactions = to.interactions;
    ret->interaction_count = request->interaction_count;
    return LUCID_OK;
}
