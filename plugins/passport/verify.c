/* The checks, in their order. Each leaves a result by say(); nothing else decides. */
#include "plugins/passport/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "plugins/passport/passport_internal.h"

struct work {
    const struct verify_input *input;
    struct lucid_arena *arena;
    struct verify *verify;
    struct lucid_span algorithm; /* len 0: the right one */
};

static void say(struct work *work, enum verify_check check, enum verify_outcome outcome,
                const char *code)
{
    work->verify->checks[check] = (struct verify_result){.outcome = outcome, .code = code};
}

/* With a detail by printf. */
static void say_that(struct work *work, enum verify_check check, enum verify_outcome outcome,
                     const char *code, const char *format, ...) LUCID_PRINTF(5, 6);

static void say_that(struct work *work, enum verify_check check, enum verify_outcome outcome,
                     const char *code, const char *format, ...)
{
    struct verify_result *result = &work->verify->checks[check];
    say(work, check, outcome, code);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(result->detail, sizeof(result->detail), format, args);
    va_end(args);
}

/* Text of a document as a detail shows it: visible ASCII, cut. */
struct shown {
    char text[72];
};

static struct shown show(struct lucid_span text)
{
    struct shown ret = {.text = ""};
    size_t len = text.len < sizeof(ret.text) ? text.len : sizeof(ret.text) - 1;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = text.data[i];
        ret.text[i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    ret.text[len] = '\0';
    return ret;
}

/* A member, or a part of it: "slsa", "slsa.provenance". */
static bool is_omitted(const struct passport *passport, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < passport->omitted_count; i++) {
        struct lucid_span part = passport->omitted[i].name;
        if (part.len >= len && memcmp(part.data, name, len) == 0 &&
            (part.len == len || part.data[len] == '.')) {
            return true;
        }
    }
    return false;
}

/* --- the document ----------------------------------------------------------------------------- */

/* parse, schema, algorithm. */
static enum lucid_error check_form(struct work *work)
{
    struct lucid_why why = {.code = NULL};
    enum passport_fault fault = PASSPORT_FAULT_PARSE;
    enum lucid_error error =
        passport_form_read(work->input->text, false, work->arena, &work->verify->passport,
                           &work->algorithm, &fault, &why);
    if (lucid_category(error) == LUCID_CATEGORY_RETRY) {
        return error;
    }
    if (error != LUCID_OK && fault == PASSPORT_FAULT_PARSE) {
        bool large = why.code != NULL && strcmp(why.code, "BODY_TOO_LARGE") == 0;
        say_that(work, VERIFY_PARSE, VERIFY_FAIL, large ? "parse.too_large" : "parse.malformed",
                 "%s", why.text);
        return LUCID_OK;
    }
    say(work, VERIFY_PARSE, VERIFY_PASS, "parse.ok");
    if (error != LUCID_OK) {
        say_that(work, VERIFY_SCHEMA, VERIFY_FAIL, "schema.invalid", "%s%s%.60s", why.param,
                 why.param[0] == '\0' ? "" : ": ", why.text);
        return LUCID_OK;
    }
    work->verify->has_passport = true;
    say(work, VERIFY_SCHEMA, VERIFY_PASS, "schema.ok");
    if (work->algorithm.len > 0) {
        say_that(work, VERIFY_ALGORITHM, VERIFY_FAIL, "algorithm.unsupported", "%s",
                 show(work->algorithm).text);
    } else {
        say_that(work, VERIFY_ALGORITHM, VERIFY_PASS, "algorithm.ok", "Ed25519");
    }
    return LUCID_OK;
}

/* Which of the trusted keys it is; key_count: none. */
static size_t key_index(const struct verify_input *input, const uint8_t key[PASSPORT_KEY_BYTES])
{
    size_t i = 0;
    while (i < input->key_count && memcmp(input->keys[i], key, PASSPORT_KEY_BYTES) != 0) {
        i++;
    }
    return i;
}

static bool is_trusted(const struct verify_input *input, const uint8_t key[PASSPORT_KEY_BYTES])
{
    return key_index(input, key) < input->key_count;
}

/* Whether the signature fits the key in the passport. */
static enum lucid_error is_signed(const struct verify_input *input, const struct passport *passport,
                                  struct lucid_arena *arena, bool *ret)
{
    struct lucid_span message;
    enum lucid_error error = passport_signing_input(passport, arena, &message);
    if (error == LUCID_OK) {
        *ret = input->ed25519(passport->public_key, message, passport->signature, input->context);
    }
    return error;
}

enum lucid_error verify_is_signed(const struct verify_input *input, const struct passport *passport,
                                  struct lucid_arena *arena, bool *ret)
{
    if (is_trusted(input, passport->public_key)) {
        return is_signed(input, passport, arena, ret);
    }
    *ret = false;
    return LUCID_OK;
}

/* key, signature. */
static enum lucid_error check_signature(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    bool fits = false;
    if (work->algorithm.len > 0) {
        return LUCID_OK; /* whatever the key is, it is none of Ed25519 */
    }
    bool trusted = is_trusted(work->input, passport->public_key);
    char key[2 * 8 + 1] = "";
    lucid_hex_encode(passport->public_key, 8, key);
    say_that(work, VERIFY_KEY, trusted ? VERIFY_PASS : VERIFY_UNKNOWN,
             trusted ? "key.trusted" : "key.unknown", "%s", key);
    enum lucid_error error = is_signed(work->input, passport, work->arena, &fits);
    if (error != LUCID_OK) {
        return error;
    }
    if (!fits) {
        say(work, VERIFY_SIGNATURE, VERIFY_FAIL, "signature.wrong");
    } else if (trusted) {
        say(work, VERIFY_SIGNATURE, VERIFY_PASS, "signature.ok");
    } else {
        say(work, VERIFY_SIGNATURE, VERIFY_UNKNOWN, "signature.unproven");
    }
    return LUCID_OK;
}

/* --- what it says ----------------------------------------------------------------------------- */

static void check_times(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    uint64_t now_s = work->input->now_s;
    unsigned long long from = passport->issued_s;
    unsigned long long to = passport->expires_s;
    if (passport->issued_s > VERIFY_SKEW_S && now_s < passport->issued_s - VERIFY_SKEW_S) {
        say_that(work, VERIFY_TIMES, VERIFY_FAIL, "times.not_yet", "%llu < %llu",
                 (unsigned long long)now_s, from);
    } else if (now_s >= passport->expires_s) {
        say_that(work, VERIFY_TIMES, VERIFY_FAIL, "times.expired", "%llu >= %llu",
                 (unsigned long long)now_s, to);
    } else {
        say_that(work, VERIFY_TIMES, VERIFY_PASS, "times.ok", "%llu to %llu", from, to);
    }
}

static void check_origin(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    struct lucid_span origin = work->input->origin;
    if (origin.len == 0) {
        say(work, VERIFY_ORIGIN, VERIFY_SKIPPED, "origin.not_asked");
        return;
    }
    if (passport->endpoint_count == 0) {
        say_that(work, VERIFY_ORIGIN, VERIFY_UNKNOWN, "origin.not_stated", "%s", show(origin).text);
        return;
    }
    for (size_t i = 0; i < passport->endpoint_count; i++) {
        if (lucid_span_equal(passport->endpoints[i], origin)) {
            say_that(work, VERIFY_ORIGIN, VERIFY_PASS, "origin.ok", "%s", show(origin).text);
            return;
        }
    }
    say_that(work, VERIFY_ORIGIN, VERIFY_FAIL, "origin.other", "%s", show(origin).text);
}

static bool is_held(enum verify_outcome outcome)
{
    return outcome == VERIFY_PASS || outcome == VERIFY_WARN;
}

/* What the caller found; mock and test evidence is never better than a warning. */
static void check_evidence(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    const struct verify_evidence *given = &work->input->evidence;
    bool better = is_held(given->outcome) || given->outcome == VERIFY_SKIPPED;
    if (passport->is_mock && !work->input->mock_allowed) {
        say(work, VERIFY_EVIDENCE, VERIFY_FAIL, "evidence.mock");
    } else if (passport->is_mock && better) {
        say(work, VERIFY_EVIDENCE, VERIFY_WARN, "evidence.mock");
    } else if (passport->test && better) {
        say(work, VERIFY_EVIDENCE, VERIFY_WARN, "evidence.test");
    } else if (given->code == NULL) {
        say(work, VERIFY_EVIDENCE, given->outcome, "evidence.absent");
    } else {
        say_that(work, VERIFY_EVIDENCE, given->outcome, given->code, "%s", given->detail);
    }
}

static void check_supply_chain(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    const struct passport_container *container = &passport->container;
    const struct passport_slsa *slsa = &passport->slsa;
    unsigned least = work->input->slsa_level_min;
    bool omitted = is_omitted(passport, "container") || is_omitted(passport, "slsa");
    if (!slsa->present && least > 0) {
        say(work, VERIFY_SUPPLY_CHAIN, VERIFY_UNKNOWN, "supply_chain.no_level");
    } else if (slsa->present && slsa->level < least) {
        say_that(work, VERIFY_SUPPLY_CHAIN, VERIFY_FAIL, "supply_chain.level", "%u < %u",
                 slsa->level, least);
    } else if (container->present &&
               (!container->has_source || container->source == PASSPORT_DECLARED)) {
        say(work, VERIFY_SUPPLY_CHAIN, VERIFY_WARN, "supply_chain.declared");
    } else if (container->present) {
        say_that(work, VERIFY_SUPPLY_CHAIN, VERIFY_PASS, "supply_chain.ok", "%s, SLSA level %u",
                 passport_source_name(container->source), slsa->level);
    } else if (slsa->present) {
        say(work, VERIFY_SUPPLY_CHAIN, VERIFY_WARN, "supply_chain.no_container");
    } else if (omitted) {
        say(work, VERIFY_SUPPLY_CHAIN, VERIFY_SKIPPED, "supply_chain.omitted");
    } else {
        say(work, VERIFY_SUPPLY_CHAIN, VERIFY_NOT_APPLICABLE, "supply_chain.none");
    }
}

/* Why an auditor is less than it could be; NULL: it is not. Worse ones compare first. */
static const char *const auditor_codes[] = {"auditors.not_active", "auditors.declared",
                                            "auditors.unchecked", "auditors.old", NULL};

static size_t auditor_worst(const struct passport *passport, const struct passport_auditor *auditor)
{
    if (auditor->status != PASSPORT_ACTIVE) {
        return 0;
    }
    if (!auditor->has_source || auditor->source == PASSPORT_DECLARED) {
        return 1;
    }
    if (auditor->last_check_s == 0) {
        return 2;
    }
    return auditor->last_check_s + VERIFY_AUDITOR_S < passport->issued_s ? 3 : 4;
}

static void check_auditors(struct work *work)
{
    const struct passport *passport = &work->verify->passport;
    size_t worst = sizeof(auditor_codes) / sizeof(auditor_codes[0]) - 1;
    size_t which = 0;
    for (size_t i = 0; i < passport->auditor_count; i++) {
        size_t found = auditor_worst(passport, &passport->auditors[i]);
        if (found < worst) {
            worst = found;
            which = i;
        }
    }
    if (passport->auditor_count == 0) {
        bool omitted = is_omitted(passport, "auditors");
        say(work, VERIFY_AUDITORS, omitted ? VERIFY_SKIPPED : VERIFY_NOT_APPLICABLE,
            omitted ? "auditors.omitted" : "auditors.none");
    } else if (auditor_codes[worst] != NULL) {
        say_that(work, VERIFY_AUDITORS, VERIFY_WARN, auditor_codes[worst], "%s",
                 show(passport->auditors[which].id).text);
    } else {
        say_that(work, VERIFY_AUDITORS, VERIFY_PASS, "auditors.ok", "%zu", passport->auditor_count);
    }
}

/* --- what became of it ------------------------------------------------------------------------ */

/* entry NULL: it is on no list. */
static void say_status(struct work *work, const struct status_entry *entry)
{
    struct verify *verify = work->verify;
    bool expired = work->input->now_s >= verify->passport.expires_s;
    enum status_kind kind = entry == NULL ? STATUS_VALID : entry->kind;
    if (kind == STATUS_SUPERSEDED && entry->at_s > work->input->now_s) {
        kind = STATUS_VALID; /* both are good for a while */
    }
    verify->has_status = true;
    verify->status = kind != STATUS_REVOKED && expired ? STATUS_EXPIRED : kind;
    switch (verify->status) {
    case STATUS_VALID:
        if (entry != NULL && entry->by.len > 0) {
            say_that(work, VERIFY_STATUS, VERIFY_PASS, "status.renewed", "%s",
                     show(entry->by).text);
        } else {
            say(work, VERIFY_STATUS, VERIFY_PASS, "status.good");
        }
        break;
    case STATUS_EXPIRED:
        say(work, VERIFY_STATUS, VERIFY_FAIL, "status.expired");
        break;
    case STATUS_REVOKED:
        say_that(work, VERIFY_STATUS, VERIFY_FAIL, "status.revoked", "%s since %llu",
                 status_reason_name(entry->reason), (unsigned long long)entry->at_s);
        break;
    case STATUS_SUPERSEDED:
        say_that(work, VERIFY_STATUS, VERIFY_FAIL, "status.superseded", "%s", show(entry->by).text);
        break;
    }
}

/* A list speaks only of what its own log issued: who else is trusted is silent about this one.
 * Whose key signed says so, not what the passport says of itself. */
static bool is_same_issuer(const struct work *work, const struct status_list *list, size_t key)
{
    const struct verify_input *input = work->input;
    const struct passport *passport = &work->verify->passport;
    size_t own = key_index(input, passport->public_key);
    if (passport->issuer.len > 0 && !lucid_span_equal(list->issuer, passport->issuer)) {
        return false;
    }
    return own == key || (passport->issuer.len > 0 && own < input->key_count &&
                          input->issuers != NULL && input->issuers[own] == input->issuers[key]);
}

static enum lucid_error check_list(struct work *work)
{
    const struct verify_input *input = work->input;
    struct status_list list;
    size_t key = STATUS_NO_KEY;
    struct lucid_why why = {.code = NULL};
    enum lucid_error error =
        status_list_read(input->status_list, input->keys, input->key_count, input->ed25519,
                         input->context, work->arena, &list, &key, &why);
    if (lucid_category(error) == LUCID_CATEGORY_RETRY) {
        return error;
    }
    if (error != LUCID_OK) {
        say_that(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_malformed", "%s", why.text);
    } else if (key == STATUS_NO_KEY) {
        say(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_untrusted");
    } else if (!is_same_issuer(work, &list, key)) {
        say_that(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_other", "%s",
                 show(list.issuer).text);
    } else {
        const struct status_entry *entry = status_list_find(&list, work->verify->passport.id);
        unsigned long long exp = list.exp_s;
        if (entry != NULL && entry->kind == STATUS_REVOKED) {
            say_status(work, entry); /* that is for ever, however old the list is */
        } else if (list.exp_s <= input->now_s) {
            say_that(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_old", "%llu", exp);
        } else if (list.iat_s > input->now_s + VERIFY_SKEW_S) {
            say_that(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_ahead", "%llu",
                     (unsigned long long)list.iat_s);
        } else if (list.iat_s + VERIFY_SKEW_S < work->verify->passport.issued_s) {
            say_that(work, VERIFY_STATUS, VERIFY_UNKNOWN, "status.list_before", "%llu",
                     (unsigned long long)list.iat_s);
        } else {
            say_status(work, entry);
        }
    }
    return LUCID_OK;
}

static enum lucid_error check_status(struct work *work)
{
    const struct verify_input *input = work->input;
    if (input->status != NULL) {
        say_status(work, input->status);
        return LUCID_OK;
    }
    if (input->status_list.len > 0) {
        enum lucid_error error = check_list(work);
        if (error != LUCID_OK) {
            return error;
        }
    } else {
        say(work, VERIFY_STATUS, VERIFY_SKIPPED, "status.absent");
    }
    if (!work->verify->has_status && input->now_s >= work->verify->passport.expires_s) {
        say_status(work, NULL);
    }
    return LUCID_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void conclude(struct work *work)
{
    struct verify *verify = work->verify;
    const struct verify_result *checks = verify->checks;
    bool unknown = checks[VERIFY_SIGNATURE].outcome != VERIFY_PASS ||
                   checks[VERIFY_STATUS].outcome != VERIFY_PASS;
    bool failed = false;
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        failed = failed || checks[i].outcome == VERIFY_FAIL;
        unknown = unknown || checks[i].outcome == VERIFY_UNKNOWN;
    }
    verify->verdict = failed ? VERIFY_INVALID : unknown ? VERIFY_VERDICT_UNKNOWN : VERIFY_VALID;
    verify->level = VERIFY_LEVEL_NONE;
    if (failed || checks[VERIFY_KEY].outcome != VERIFY_PASS ||
        checks[VERIFY_SIGNATURE].outcome != VERIFY_PASS) {
        return;
    }
    verify->level = VERIFY_LEVEL_SIGNATURE;
    if (is_held(work->input->evidence.outcome) && is_held(checks[VERIFY_EVIDENCE].outcome)) {
        verify->level = checks[VERIFY_LOG].outcome == VERIFY_PASS ? VERIFY_LEVEL_TRANSPARENT
                                                                  : VERIFY_LEVEL_EVIDENCE;
    }
}

enum lucid_error verify_run(const struct verify_input *input, struct lucid_arena *arena,
                            struct verify *ret)
{
    struct verify *verify = lucid_arena_zalloc(arena, sizeof(*verify));
    struct work work = {.input = input, .arena = arena, .verify = verify};
    if (verify == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        say(&work, (enum verify_check)i, VERIFY_SKIPPED, "check.not_reached");
    }
    enum lucid_error error = check_form(&work);
    if (error == LUCID_OK && verify->has_passport) {
        error = check_signature(&work);
        check_times(&work);
        check_origin(&work);
        check_evidence(&work);
        check_supply_chain(&work);
        check_auditors(&work);
        if (error == LUCID_OK) {
            error = check_status(&work);
        }
        say_that(&work, VERIFY_LOG, input->log.outcome,
                 input->log.code == NULL ? "log.absent" : input->log.code, "%s", input->log.detail);
    }
    if (error == LUCID_OK) {
        conclude(&work);
        *ret = *verify;
    }
    return error;
}
