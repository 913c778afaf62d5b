/* Witnesses before the service runs: the policy file, and what they know of our log. */
#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "lucidd/cosigner.h"
#include "lucidd/cosigner_internal.h"
#include "lucidd/datadir.h"
#include "lucidd/published.h"

/* --- policy ----------------------------------------------------------------------------------- */

static enum lucid_error policy_check(const char *path, const struct ledger_policy *policy,
                                     const struct ledger_vkey *log, struct lucid_why *why)
{
    if (!ledger_policy_takes_log(policy, log)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "LOG_UNKNOWN", "witness_policy",
                            "%.100s lists logs, but not this one's key", path);
    }
    uint32_t asked = 0;
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        const char *url = policy->witnesses[i].url;
        if (url[0] == '\0') {
            continue;
        }
        if (!client_url_ok(url)) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "POLICY_MALFORMED", "witness_policy",
                                "%.80s: the URL of witness %.40s is not http:// or https://", path,
                                (const char *)policy->witnesses[i].vkey.name);
        }
        asked |= (uint32_t)1 << i;
    }
    if (!ledger_policy_satisfied(policy, asked)) {
        lucid_log(LUCID_LOG_WARN, "witness.policy",
                  "the witnesses with a URL in %s cannot make its quorum: no head will have it",
                  path);
    }
    return LUCID_OK;
}

enum lucid_error cosigner_policy_read(const char *path, const struct ledger_vkey *log,
                                      struct ledger_policy **ret, struct lucid_why *why)
{
    struct lucid_why inner = {.code = NULL};
    size_t len = 0;
    if (path[0] == '\0') {
        *ret = NULL;
        return LUCID_OK;
    }
    char *text = malloc(LEDGER_POLICY_BYTES_MAX + 1);
    struct ledger_policy *policy = calloc(1, sizeof(*policy));
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (text != NULL && policy != NULL) {
        error = datadir_file_read(path, false, text, LEDGER_POLICY_BYTES_MAX, &len, &inner);
        if (error == LUCID_OK) {
            error = ledger_policy_parse(lucid_span(text, len), policy, &inner);
            if (error != LUCID_OK && error != LUCID_RETRY_MEMORY) {
                (void)lucid_refuse(why, error, inner.code, "witness_policy", "%.80s: %.100s", path,
                                   inner.text);
            }
        } else {
            (void)lucid_refuse(why, error, "POLICY_UNREADABLE", "witness_policy", "%.180s",
                               inner.text);
        }
    }
    if (error == LUCID_OK) {
        error = policy_check(path, policy, log, why);
    }
    if (error == LUCID_RETRY_MEMORY) {
        (void)lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory for the witness policy");
    }
    free(text);
    if (error != LUCID_OK) {
        free(policy);
        return error;
    }
    *ret = policy;
    return LUCID_OK;
}

/* --- at start --------------------------------------------------------------------------------- */

struct start_asker {
    struct ask ask;
    pthread_t thread;
    struct lucid_buf note;
    uint64_t size;
    bool ok;
};

static void *start_main(void *context)
{
    struct start_asker *asker = context;
    asker->ok = ask_checkpoint(&asker->ask, &asker->note, &asker->size);
    return NULL;
}

enum lucid_error cosigner_newest_known(const struct ledger_policy *policy,
                                       const struct ledger_vkey *log, uint32_t total_ms_max,
                                       struct cosigner_known *ret, struct lucid_why *why)
{
    struct cosigner_known known = {.asked = 0};
    struct start_asker *askers = calloc(LEDGER_POLICY_WITNESSES_MAX, sizeof(*askers));
    enum lucid_error error = askers == NULL ? LUCID_RETRY_MEMORY : LUCID_OK;
    for (uint32_t i = 0; error == LUCID_OK && i < policy->witness_count; i++) {
        if (policy->witnesses[i].url[0] == '\0') {
            continue;
        }
        struct start_asker *asker = &askers[known.asked];
        asker->ask =
            (struct ask){.witness = &policy->witnesses[i], .log = log, .timeout_ms = total_ms_max};
        error = client_open(&asker->ask.client);
        known.asked += error == LUCID_OK;
    }
    for (uint32_t i = 0; error == LUCID_OK && i < known.asked; i++) {
        lucid_assert(pthread_create(&askers[i].thread, NULL, start_main, &askers[i]) == 0);
    }
    for (uint32_t i = 0; i < known.asked; i++) {
        struct start_asker *asker = &askers[i];
        if (error == LUCID_OK) {
            lucid_assert(pthread_join(asker->thread, NULL) == 0);
        }
        known.answered += asker->ok;
        if (asker->ok && (known.answered == 1 || asker->size > known.size)) {
            lucid_buf_fini(&known.checkpoint);
            known.checkpoint = asker->note;
            known.size = asker->size;
            asker->note = (struct lucid_buf){.data = NULL};
        }
        lucid_buf_fini(&asker->note);
        client_close(asker->ask.client);
    }
    free(askers);
    if (error != LUCID_OK) {
        return lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory to ask the witnesses");
    }
    *ret = known;
    return LUCID_OK;
}

enum lucid_error cosigner_start_check(struct ledger *ledger, const struct ledger_policy *policy,
                                      const struct ledger_vkey *log, uint32_t total_ms_max,
                                      struct lucid_why *why)
{
    struct cosigner_known known;
    struct ledger_view *view = NULL;
    if (policy == NULL) {
        return LUCID_OK;
    }
    enum lucid_error error = cosigner_newest_known(policy, log, total_ms_max, &known, why);
    if (error != LUCID_OK) {
        return error;
    }
    bool all = known.answered == known.asked;
    lucid_log(all ? LUCID_LOG_INFO : LUCID_LOG_WARN, "witness.asked",
              "%u of %u witnesses say what they have seen of this log", (unsigned)known.answered,
              (unsigned)known.asked);
    if (known.answered > 0) {
        error = ledger_view_open(ledger, &view);
        if (error == LUCID_OK) {
            error = ledger_view_begin(view);
        }
        if (error == LUCID_OK) {
            error =
                published_judge(view, lucid_buf_span(&known.checkpoint), "a witness's head", why);
            ledger_view_end(view);
        }
        ledger_view_close(view);
    }
    lucid_buf_fini(&known.checkpoint);
    return error;
}
