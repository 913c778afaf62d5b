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
    bool ok;
};

static void *start_main(void *context)
{
    struct start_asker *asker = context;
    uint64_t size;
    asker->ok = ask_checkpoint(&asker->ask, &asker->note, &size);
    return NULL;
}

/* Asks every witness that has a URL, all at the same time; *ret_asked says how many. The askers are
 * the caller's to end with askers_end. */
static enum lucid_error askers_run(const struct ledger_policy *policy,
                                   const struct ledger_vkey *log, uint32_t total_ms_max,
                                   struct start_asker *askers, uint32_t *ret_asked)
{
    uint32_t asked = 0;
    enum lucid_error error = LUCID_OK;
    for (uint32_t i = 0; error == LUCID_OK && i < policy->witness_count; i++) {
        if (policy->witnesses[i].url[0] == '\0') {
            continue;
        }
        struct start_asker *asker = &askers[asked];
        asker->ask =
            (struct ask){.witness = &policy->witnesses[i], .log = log, .timeout_ms = total_ms_max};
        error = client_open(&asker->ask.client);
        asked += error == LUCID_OK;
    }
    for (uint32_t i = 0; error == LUCID_OK && i < asked; i++) {
        lucid_assert(pthread_create(&askers[i].thread, NULL, start_main, &askers[i]) == 0);
    }
    for (uint32_t i = 0; error == LUCID_OK && i < asked; i++) {
        lucid_assert(pthread_join(askers[i].thread, NULL) == 0);
    }
    *ret_asked = asked;
    return error;
}

static void askers_end(struct start_asker *askers, uint32_t asked)
{
    for (uint32_t i = 0; i < asked; i++) {
        lucid_buf_fini(&askers[i].note);
        client_close(askers[i].ask.client);
    }
    free(askers);
}

/* Each answer, not only the largest: a smaller head may be of another tree. */
static enum lucid_error answers_judge(struct ledger *ledger, const struct start_asker *askers,
                                      uint32_t asked, struct lucid_why *why)
{
    struct ledger_view *view;
    enum lucid_error error = ledger_view_open(ledger, &view);
    if (error != LUCID_OK) {
        return error;
    }
    error = ledger_view_begin(view);
    if (error == LUCID_OK) {
        for (uint32_t i = 0; error == LUCID_OK && i < asked; i++) {
            if (askers[i].ok) {
                error =
                    published_judge(view, lucid_buf_span(&askers[i].note), "a witness's head", why);
            }
        }
        ledger_view_end(view);
    }
    ledger_view_close(view);
    return error;
}

enum lucid_error cosigner_start_check(struct ledger *ledger, const struct ledger_policy *policy,
                                      const struct ledger_vkey *log, uint32_t total_ms_max,
                                      struct lucid_why *why)
{
    if (policy == NULL) {
        return LUCID_OK;
    }
    uint32_t asked = 0;
    struct start_asker *askers = calloc(LEDGER_POLICY_WITNESSES_MAX, sizeof(*askers));
    enum lucid_error error =
        askers == NULL ? LUCID_RETRY_MEMORY : askers_run(policy, log, total_ms_max, askers, &asked);
    if (error == LUCID_OK) {
        uint32_t answered = 0;
        for (uint32_t i = 0; i < asked; i++) {
            answered += askers[i].ok;
        }
        lucid_log(answered == asked ? LUCID_LOG_INFO : LUCID_LOG_WARN, "witness.asked",
                  "%u of %u witnesses say what they have seen of this log", (unsigned)answered,
                  (unsigned)asked);
        error = answers_judge(ledger, askers, asked, why);
    } else {
        (void)lucid_refuse(why, error, "NO_MEMORY", NULL, "no memory to ask the witnesses");
    }
    askers_end(askers, asked);
    return error;
}
