/* GET /v1/passports/status and POST /v1/passports/{id}/revoke. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "plugins/passport/module/module.h"
#include "plugins/verifier/canonical.h"

#define SECOND_MS 1000U

enum { SLOT_S = 30 };

/* --- the list --------------------------------------------------------------------------------- */

/* The last list that was signed. It is given again for half a minute, unless the log's head is
 * another, or something was issued or revoked since. */
struct status_cache {
    CRYPTO_RWLOCK *lock;
    _Atomic uint64_t changed; /* sequence of the newest issue or revocation of this process */
    uint64_t changed_then;
    uint64_t slot; /* 0: nothing is kept */
    uint64_t tree_size;
    uint8_t *token;
    size_t len;
};

struct status_cache *status_cache_new(void)
{
    struct status_cache *cache = calloc(1, sizeof(*cache));
    if (cache != NULL) {
        cache->lock = CRYPTO_THREAD_lock_new();
    }
    if (cache != NULL && cache->lock == NULL) {
        free(cache);
        cache = NULL;
    }
    return cache;
}

void status_cache_free(struct status_cache *cache)
{
    if (cache != NULL) {
        CRYPTO_THREAD_lock_free(cache->lock);
        free(cache->token);
        free(cache);
    }
}

void status_changed(struct passport_module *module, uint64_t sequence)
{
    _Atomic uint64_t *changed = &module->status->changed;
    uint64_t newest = atomic_load(changed);
    while (newest < sequence && !atomic_compare_exchange_weak(changed, &newest, sequence)) {
    }
}

/* What a list is of. */
struct made_of {
    uint64_t changed;
    uint64_t slot;
    uint64_t tree_size;
};

/* LUCID_NOTE_ABSENT: nothing fitting is kept. */
static enum lucid_error cache_find(struct ask *ask, const struct made_of *of,
                                   struct lucid_span *ret)
{
    struct status_cache *cache = module_of(ask)->status;
    enum lucid_error error = LUCID_NOTE_ABSENT;
    lucid_assert(CRYPTO_THREAD_read_lock(cache->lock) == 1);
    if (cache->slot == of->slot && cache->tree_size == of->tree_size &&
        cache->changed_then == of->changed) {
        *ret = lucid_arena_copy(&ask->arena, lucid_span(cache->token, cache->len));
        error = ret->data != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    lucid_assert(CRYPTO_THREAD_unlock(cache->lock) == 1);
    return error;
}

static void cache_keep(struct status_cache *cache, const struct made_of *of,
                       struct lucid_span token)
{
    uint8_t *copy = malloc(token.len);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, token.data, token.len);
    lucid_assert(CRYPTO_THREAD_write_lock(cache->lock) == 1);
    free(cache->token);
    cache->token = copy;
    cache->len = token.len;
    cache->slot = of->slot;
    cache->tree_size = of->tree_size;
    cache->changed_then = of->changed;
    lucid_assert(CRYPTO_THREAD_unlock(cache->lock) == 1);
}

/* What the list says of a row. A successor is named before it takes over: the list is good for so
 * long. False: nothing. */
static bool entry_of(const struct ask *ask, const struct passport_row *row,
                     struct status_entry *ret)
{
    answer_status(ask, row, ret);
    if (ret->kind == STATUS_VALID && ret->by.len > 0) {
        ret->kind = STATUS_SUPERSEDED;
        ret->at_s = row->succeeded_s + module_of(ask)->overlap_s;
    }
    return ret->kind == STATUS_REVOKED || ret->kind == STATUS_SUPERSEDED;
}

static bool entry_keep(struct ask *ask, const struct status_entry *entry, struct status_entry *ret)
{
    *ret = *entry;
    ret->id = lucid_arena_copy(&ask->arena, entry->id);
    ret->by = entry->by.len > 0 ? lucid_arena_copy(&ask->arena, entry->by) : entry->by;
    return ret->id.data != NULL && (entry->by.len == 0 || ret->by.data != NULL);
}

/* Everything that ended and has not expired. */
static enum lucid_error entries_load(struct ask *ask, struct status_list *list)
{
    struct passport_row row = {.id = ""};
    struct status_entry entry;
    uint64_t now_s = ask->now_ms / SECOND_MS;
    size_t room = 64;
    list->entries = lucid_arena_zalloc(&ask->arena, room * sizeof(*list->entries));
    enum lucid_error error = list->entries != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
    while (error == LUCID_OK) {
        error = passport_row_ended(ask->host, ask->view, now_s, &row);
        if (error != LUCID_OK) {
            break;
        }
        if (!entry_of(ask, &row, &entry)) {
            continue;
        }
        if (list->entry_count == STATUS_ENTRIES_MAX) {
            ask->host->log(ask->host, LUCID_PLUGIN_LOG_ERROR, "passport.status",
                           "more passports have ended than a status list can hold");
            return LUCID_RETRY_BUSY; /* a list that leaves some out would be a lie */
        }
        if (list->entry_count == room) {
            struct status_entry *more =
                lucid_arena_zalloc(&ask->arena, 2 * room * sizeof(*list->entries));
            if (more == NULL) {
                return LUCID_RETRY_MEMORY;
            }
            memcpy(more, list->entries, room * sizeof(*list->entries));
            list->entries = more;
            room *= 2;
        }
        if (!entry_keep(ask, &entry, &list->entries[list->entry_count])) {
            return LUCID_RETRY_MEMORY;
        }
        list->entry_count++;
    }
    if (error != LUCID_NOTE_END) {
        return error;
    }
    status_entries_sort(list->entries, list->entry_count);
    return LUCID_OK;
}

static enum lucid_error list_sign(struct ask *ask, struct status_list *list, struct lucid_span *ret)
{
    const struct passport_module *module = module_of(ask);
    struct lucid_buf claims;
    struct lucid_buf token;
    lucid_buf_init(&claims, STATUS_BYTES_MAX);
    lucid_buf_init(&token, 2 * STATUS_BYTES_MAX);
    status_claims_write(list, &claims);
    enum lucid_error error = lucid_buf_ok(&claims) ? LUCID_OK : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = status_token_write(lucid_buf_span(&claims), lucid_span_str(module->kid),
                                   gather_sign, (void *)(uintptr_t)ask->host, &token);
    }
    if (error == LUCID_OK) {
        *ret = lucid_buf_ok(&token) ? lucid_arena_copy(&ask->arena, lucid_buf_span(&token))
                                    : (struct lucid_span){0};
        error = ret->data != NULL ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    lucid_buf_fini(&claims);
    lucid_buf_fini(&token);
    return error;
}

/* Whether the snapshot is not older than that event: what it does not know it must not hide from
 * those who ask next. */
static bool view_has(struct ask *ask, uint64_t sequence)
{
    struct lucid_plugin_event event;
    return sequence == 0 || ask->host->view_event(ask->view, sequence, &event) == LUCID_PLUGIN_OK;
}

enum lucid_error status_now(struct ask *ask, struct lucid_span *ret)
{
    struct passport_module *module = module_of(ask);
    struct lucid_plugin_bytes checkpoint = {NULL, 0};
    uint64_t now_s = ask->now_ms / SECOND_MS;
    struct made_of of = {.slot = now_s / SLOT_S + 1};
    enum lucid_error error = kit_error(ask->host->view_head(ask->view, &of.tree_size, &checkpoint));
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    of.changed = atomic_load(&module->status->changed);
    error = cache_find(ask, &of, ret);
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    struct status_list list = {
        .issuer = lucid_span_str(ask->host->origin),
        .iat_s = now_s,
        .exp_s = now_s + module->status_s,
        .tree_size = of.tree_size,
        .checkpoint = kit_span(checkpoint),
        .test = ask->host->test,
    };
    error = entries_load(ask, &list);
    if (error == LUCID_OK) {
        error = list_sign(ask, &list, ret);
    }
    if (error == LUCID_OK && view_has(ask, of.changed)) {
        cache_keep(module->status, &of, *ret);
    }
    return error;
}

static enum lucid_error status(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    struct lucid_span list;
    uint64_t fresh_s = module_of(ask)->status_s / 2;
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = status_now(ask, &list);
    }
    if (error == LUCID_OK) {
        ask->host->call_respond_tagged(
            ask->call, "application/jwt", kit_bytes(list),
            (uint32_t)(fresh_s < STATUS_FRESH_S ? fresh_s : STATUS_FRESH_S));
    }
    return error;
}

enum lucid_plugin_result route_status(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, status, why);
}

/* --- revoking --------------------------------------------------------------------------------- */

static enum lucid_error may_revoke(const struct ask *ask, const struct passport_row *row,
                                   struct lucid_why *why)
{
    const struct application *application = answer_application(ask, row);
    bool admin = (ask->host->call_scopes(ask->call) & (uint32_t)LUCID_PLUGIN_SCOPE_ADMIN) != 0;
    if (admin || (application != NULL &&
                  application_allows(application, ask->host->call_token(ask->call)))) {
        return LUCID_OK;
    }
    return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "FORBIDDEN", "application",
                        "only tokens that its configuration names may act for it");
}

static enum lucid_error revoke_read(struct ask *ask, enum status_reason *ret_reason,
                                    struct lucid_span *ret_comment, struct lucid_why *why)
{
    static const char *const members[] = {"reason", "comment", NULL};
    const struct jcs_value *body;
    struct lucid_span reason = {0};
    enum lucid_error error = ask_document(ask, members, &body, why);
    if (error == LUCID_OK) {
        error = ask_text(body, "", "reason", true, 64, &reason, why);
    }
    if (error == LUCID_OK) {
        error = ask_text(body, "", "comment", false, STATUS_COMMENT_BYTES_MAX, ret_comment, why);
    }
    if (error == LUCID_OK && !status_reason_find(reason, ret_reason)) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_REQUEST", "reason",
                             "it must be keyCompromise, teeRevoked, tcbBelowPolicy, "
                             "measurementDenied, auditorInactive, superseded or operatorRequest");
    }
    return error;
}

static enum lucid_error revoked_write(struct ask *ask, const struct passport_row *row,
                                      enum status_reason reason, struct lucid_span comment,
                                      struct lucid_plugin_bytes *ret)
{
    struct lucid_buf text = {0};
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "type", "passport.revoked");
    lucid_json_member_u64(&text, "version", 1);
    lucid_json_member_cstr(&text, "passportId", row->id);
    canonical_digest(&text, "passportDigest", row->digest);
    lucid_json_member_cstr(&text, "reason", status_reason_name(reason));
    if (comment.len > 0) {
        lucid_json_member_str(&text, "comment", comment);
    }
    lucid_json_member_u64(&text, "revokedAt", ask->now_ms / SECOND_MS);
    lucid_json_member_cstr(&text, "issuer", module_of(ask)->kid);
    lucid_buf_char(&text, '}');
    enum lucid_error error = ask_keep_canonical(ask, &text, ret);
    lucid_buf_fini(&text);
    return error;
}

static enum lucid_error revoke(struct ask *ask, struct lucid_why *why)
{
    struct passport_row row;
    enum status_reason reason = STATUS_OPERATOR_REQUEST;
    struct lucid_span comment;
    struct passport_command *command = ask->host->call_alloc(ask->call, sizeof(*command));
    enum lucid_error error = command != NULL ? answer_find(ask, &row) : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        error = may_revoke(ask, &row, why);
    }
    if (error == LUCID_OK) {
        error = revoke_read(ask, &reason, &comment, why);
    }
    if (error == LUCID_OK) {
        error = revoked_write(ask, &row, reason, comment, &command->payload);
    }
    if (error != LUCID_OK) {
        return error;
    }
    command->revokes = true;
    memcpy(command->id, row.id, sizeof(command->id));
    ask->host->entry(ask->host, command->payload, command->entry);
    const struct lucid_plugin_command submitted = {.kind = PASSPORT_KIND_NAME, .data = command};
    ask->host->call_submit(ask->call, &submitted);
    return LUCID_OK;
}

enum lucid_plugin_result route_revoke(void *self, struct lucid_plugin_call *call,
                                      struct lucid_plugin_why *why)
{
    return ask_run(self, call, revoke, why);
}

static enum lucid_error revoked(struct ask *ask, struct lucid_why *why)
{
    (void)why;
    const struct passport_command *command = ask->command->data;
    struct passport_row row;
    enum lucid_error error = answer_submitted(ask, &row);
    if (error != LUCID_OK) {
        return error;
    }
    if (!command->ret_known) {
        status_changed(module_of(ask), row.revoked_sequence);
        atomic_fetch_add_explicit(&module_of(ask)->counters.revoked, 1, memory_order_relaxed);
    }
    lucid_buf_char(&ask->out, '{');
    lucid_json_member_cstr(&ask->out, "passportId", row.id);
    answer_status_write(ask, &row);
    error = ask_place_write(ask, row.revoked_leaf);
    lucid_buf_char(&ask->out, '}');
    return error == LUCID_OK ? ask_answer(ask, command->ret_known ? 200 : 201) : error;
}

enum lucid_plugin_result answered_revoke(void *self, struct lucid_plugin_call *call,
                                         struct lucid_plugin_command *command,
                                         struct lucid_plugin_why *why)
{
    return ask_answered(self, call, command, revoked, why);
}
