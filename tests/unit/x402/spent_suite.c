#include "spent_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/sha256.h"

/* --- a log in memory -------------------------------------------------------------------------- */

/* Where that key is, or would be. */
static size_t log_place(const struct suite_log *log, const char *key)
{
    size_t low = 0;
    for (size_t high = log->count; low < high;) {
        size_t middle = (low + high) / 2;
        if (strcmp(log->entries[middle].key.text, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct suite_entry *log_entry(const struct suite_log *log, const char *key)
{
    size_t at = log_place(log, key);
    bool there = at < log->count && strcmp(log->entries[at].key.text, key) == 0;
    return there ? &log->entries[at] : NULL;
}

void suite_payment_id(const char *key, uint8_t ret[X402_PAYMENT_ID_BYTES])
{
    uint8_t digest[32];
    lucid_sha256(lucid_span_str(key), digest);
    memcpy(ret, digest, X402_PAYMENT_ID_BYTES);
}

void suite_log_put(struct suite_log *log, const char *key, uint8_t request, bool pending)
{
    struct suite_entry *entry = log_entry(log, key);
    if (entry == NULL) {
        if (log->entries == NULL) {
            log->entries = calloc(SUITE_LOG_MAX, sizeof(*log->entries));
            lucid_assert(log->entries != NULL);
        }
        lucid_assert(log->count < SUITE_LOG_MAX);
        size_t at = log_place(log, key);
        entry = &log->entries[at];
        memmove(entry + 1, entry, (log->count - at) * sizeof(*entry));
        log->count++;
    }
    *entry = (struct suite_entry){.pending = pending};
    (void)snprintf(entry->key.text, sizeof(entry->key.text), "%s", key);
    suite_payment_id(key, entry->payment_id);
    memset(entry->digest, request, sizeof(entry->digest));
}

void suite_log_drop(struct suite_log *log, const char *key)
{
    struct suite_entry *entry = log_entry(log, key);
    if (entry != NULL) {
        size_t at = (size_t)(entry - log->entries);
        memmove(entry, entry + 1, (log->count - at - 1) * sizeof(*entry));
        log->count--;
    }
}

void suite_log_fini(struct suite_log *log)
{
    free(log->entries);
    *log = (struct suite_log){.entries = NULL};
}

static enum lucid_error log_find(void *context, struct lucid_span key,
                                 uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                 uint8_t ret_digest[32], bool *ret_pending)
{
    struct suite_log *log = context;
    log->asked++;
    char text[X402_SPENT_KEY_BYTES_MAX + 1] = "";
    lucid_assert(key.len < sizeof(text));
    memcpy(text, key.data, key.len);
    const struct suite_entry *entry = log_entry(log, text);
    if (log->broken) {
        return LUCID_FATAL_CORRUPT;
    }
    if (entry == NULL) {
        return LUCID_NOTE_ABSENT;
    }
    memcpy(ret_payment_id, entry->payment_id, X402_PAYMENT_ID_BYTES);
    memcpy(ret_digest, entry->digest, sizeof(entry->digest));
    *ret_pending = entry->pending;
    return LUCID_OK;
}

static enum lucid_error log_next(void *context, struct lucid_span after, struct x402_spent_key *ret,
                                 uint8_t ret_payment_id[X402_PAYMENT_ID_BYTES],
                                 uint8_t ret_digest[32], bool *ret_pending)
{
    struct suite_log *log = context;
    char text[X402_SPENT_KEY_BYTES_MAX + 1] = "";
    memcpy(text, after.data, after.len);
    size_t at = log_place(log, text);
    if (at < log->count && strcmp(log->entries[at].key.text, text) == 0) {
        at++;
    }
    if (log->broken) {
        return LUCID_FATAL_CORRUPT;
    }
    if (at >= log->count) {
        return LUCID_NOTE_ABSENT;
    }
    *ret = log->entries[at].key;
    return log_find(context, lucid_span_str(ret->text), ret_payment_id, ret_digest, ret_pending);
}

struct x402_spent_log suite_log_view(struct suite_log *log)
{
    return (struct x402_spent_log){.find = log_find, .next = log_next, .context = log};
}

/* --- asking ----------------------------------------------------------------------------------- */

static void claim_done(struct x402_claim *claim)
{
    struct suite_claim *mine = claim->owner;
    lucid_assert(!mine->asking);
    mine->done++;
}

static void key_fill(struct x402_claim *claim, const char *text)
{
    if (text != NULL) {
        struct x402_spent_key *key = &claim->keys[claim->key_count++];
        lucid_assert(strlen(text) < sizeof(key->text));
        (void)snprintf(key->text, sizeof(key->text), "%s", text);
    }
}

void suite_claim_init(struct suite_claim *claim, uint8_t request, const char *first,
                      const char *second)
{
    memset(claim, 0, sizeof(*claim));
    claim->claim.done = claim_done;
    claim->claim.owner = claim;
    memset(claim->claim.digest, request, sizeof(claim->claim.digest));
    key_fill(&claim->claim, first);
    key_fill(&claim->claim, second);
}

void suite_start(struct x402_spent *spent, struct suite_claim *claim, enum x402_spent_verb verb)
{
    claim->claim.verb = verb;
    if (verb == X402_SPENT_PROMOTE) {
        suite_payment_id(claim->claim.keys[0].text, claim->claim.payment_id);
    }
    claim->done = 0;
    claim->asking = true;
    x402_spent_ask(spent, &claim->claim);
    claim->asking = false;
}

void suite_wait(const struct suite_fixture *fixture, const struct suite_claim *claim)
{
    for (time_t until = time(NULL) + 30; claim->done == 0;) {
        fixture->turn(fixture->context);
        assert_true(time(NULL) < until);
    }
    assert_int_equal(claim->done, 1);
}

enum x402_claim_outcome suite_ask(const struct suite_fixture *fixture, struct x402_spent *spent,
                                  struct suite_claim *claim, enum x402_spent_verb verb)
{
    suite_start(spent, claim, verb);
    suite_wait(fixture, claim);
    return claim->claim.outcome;
}
