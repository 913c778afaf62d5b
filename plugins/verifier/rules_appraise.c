/* The appraisal of auditors' claims: the same steps in the same order as for evidence of hardware,
 * then the rules over all documents together. */
#include "base/assert.h"
#include "plugins/verifier/rules_internal.h"
#include "plugins/verifier/scheme.h"

static const char *const unreached[APPRAISAL_STEPS] = {
    "parse.not_reached",         "chain.not_reached",       "signature.not_reached",
    "freshness.not_reached",     "revocation.not_reached",  "tcb.not_reached",
    "configuration.not_reached", "measurement.not_reached", "identity.not_reached"};

/* How a span of ours is put into printf's %.*s, cut to what a detail can hold. */
static int text_len(struct lucid_span text)
{
    return text.len > 64 ? 64 : (int)text.len;
}
static const char *text_of(struct lucid_span text)
{
    return text.len == 0 ? "" : (const char *)text.data;
}

/* --- one document ----------------------------------------------------------------------------- */

static void parse_step(const struct rules_input *input, size_t index, struct lucid_arena *arena,
                       struct rules_submod *submod, enum lucid_error *ret_error)
{
    struct appraisal_result *ret = &submod->steps[APPRAISAL_PARSE];
    enum lucid_error error =
        claims_parse(input->documents[index], arena, &submod->document, &submod->why);
    *ret_error = lucid_category(error) == LUCID_CATEGORY_RETRY ? error : LUCID_OK;
    submod->parsed = error == LUCID_OK;
    if (submod->parsed) {
        scheme_say(ret, APPRAISAL_PASS, "parse.ok", NULL);
    } else if (error == LUCID_REFUSE_TOO_LARGE) {
        scheme_say(ret, APPRAISAL_FAIL, "parse.too_large", NULL);
    } else {
        scheme_say(ret, APPRAISAL_FAIL, "parse.malformed", "%s%s%s", submod->why.param,
                   submod->why.param[0] == '\0' ? "" : ": ", submod->why.text);
    }
}

/* The auditor by id and key; NULL: the policy does not name it. *ret_known: but the id. */
static const struct rules_auditor *
auditor_find(const struct policy *policy, const struct claims_document *document, bool *ret_known)
{
    const struct rules *rules = policy->rules;
    *ret_known = false;
    for (size_t i = 0; rules != NULL && i < rules->auditor_count; i++) {
        if (lucid_span_equal(rules->auditors[i].id, document->auditor)) {
            *ret_known = true;
            if (memcmp(rules->auditors[i].key, document->key, sizeof(document->key)) == 0) {
                return &rules->auditors[i];
            }
        }
    }
    return NULL;
}

static void chain_step(const struct rules_input *input, struct rules_submod *submod)
{
    struct appraisal_result *ret = &submod->steps[APPRAISAL_CHAIN];
    struct lucid_span id = submod->document.auditor;
    bool known;
    if (auditor_find(input->policy, &submod->document, &known) != NULL) {
        scheme_say(ret, APPRAISAL_PASS, "chain.auditor_listed", "%.*s", text_len(id), text_of(id));
    } else {
        scheme_say(ret, APPRAISAL_FAIL, known ? "chain.auditor_key" : "chain.auditor_unknown",
                   "%.*s", text_len(id), text_of(id));
    }
}

static void signature_step(const struct rules_input *input, struct rules_submod *submod)
{
    const struct claims_document *document = &submod->document;
    bool good =
        input->verify(document->key, document->message, document->signature, input->context);
    scheme_say(&submod->steps[APPRAISAL_SIGNATURE], good ? APPRAISAL_PASS : APPRAISAL_FAIL,
               good ? "signature.ok" : "signature.bad", NULL);
}

static void freshness_step(const struct rules_input *input, struct rules_submod *submod)
{
    const struct claims_document *document = &submod->document;
    struct appraisal_result *ret = &submod->steps[APPRAISAL_FRESHNESS];
    uint64_t now_ms = input->time_s * 1000 + 999;
    uint64_t age_ms = input->policy->rules->max_age_s * 1000;
    uint64_t newest_ms = document->issued_ms;
    for (size_t i = 0; i < document->claim_count; i++) {
        if (document->claims[i].timestamp_ms > newest_ms) {
            newest_ms = document->claims[i].timestamp_ms;
        }
    }
    if (newest_ms > document->issued_ms) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.claim_after_document", "%llu > %llu",
                   (unsigned long long)newest_ms, (unsigned long long)document->issued_ms);
    } else if (document->issued_ms > now_ms + RULES_FUTURE_S * 1000) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.early", "issued %llu, now %llu",
                   (unsigned long long)(document->issued_ms / 1000),
                   (unsigned long long)input->time_s);
    } else if (document->issued_ms + age_ms < input->time_s * 1000) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.expired", "issued %llu, now %llu",
                   (unsigned long long)(document->issued_ms / 1000),
                   (unsigned long long)input->time_s);
    } else if (input->nonce.len != 0 && !lucid_span_equal(input->nonce, document->nonce)) {
        scheme_say(ret, APPRAISAL_FAIL, "freshness.nonce", NULL);
    } else {
        scheme_say(ret, APPRAISAL_PASS,
                   input->nonce.len != 0 ? "freshness.bound" : "freshness.recent", NULL);
    }
}

/* An auditor whose image is named by digest is that image, or is not what was let in. */
static void measurement_step(const struct rules_input *input, struct rules_submod *submod)
{
    struct appraisal_result *ret = &submod->steps[APPRAISAL_MEASUREMENT];
    int8_t *claim = &submod->vector[APPRAISAL_EXECUTABLES];
    bool known;
    const struct rules_auditor *auditor = auditor_find(input->policy, &submod->document, &known);
    lucid_assert(auditor != NULL);
    if (!auditor->has_digest) {
        scheme_say(ret, APPRAISAL_SKIPPED, "measurement.no_reference", NULL);
    } else if (!submod->document.has_digest) {
        *claim = 96;
        scheme_say(ret, APPRAISAL_FAIL, "measurement.not_told", NULL);
    } else if (memcmp(auditor->digest, submod->document.digest, sizeof(auditor->digest)) != 0) {
        *claim = 96;
        scheme_say(ret, APPRAISAL_FAIL, "measurement.other_image", NULL);
    } else {
        *claim = 3;
        scheme_say(ret, APPRAISAL_PASS, "measurement.known", NULL);
    }
}

/* The first four steps; true: the document is to be believed. */
static bool document_appraise(const struct rules_input *input, size_t index,
                              struct lucid_arena *arena, struct rules_submod *submod,
                              enum lucid_error *ret_error)
{
    for (unsigned step = 0; step < APPRAISAL_STEPS; step++) {
        scheme_say(&submod->steps[step], APPRAISAL_SKIPPED, unreached[step], NULL);
    }
    parse_step(input, index, arena, submod, ret_error);
    if (*ret_error != LUCID_OK || !submod->parsed) {
        return false;
    }
    chain_step(input, submod);
    if (submod->steps[APPRAISAL_CHAIN].outcome != APPRAISAL_PASS) {
        return false;
    }
    signature_step(input, submod);
    if (submod->steps[APPRAISAL_SIGNATURE].outcome != APPRAISAL_PASS) {
        return false;
    }
    freshness_step(input, submod);
    return submod->steps[APPRAISAL_FRESHNESS].outcome == APPRAISAL_PASS;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool counts(const struct rules_verdict *verdict)
{
    return verdict->outcome == RULES_TRIGGERED || verdict->outcome == RULES_ERROR;
}

static enum appraisal_tier tier_of(enum claims_decision decision)
{
    switch (decision) {
    case CLAIMS_DENY:
        return APPRAISAL_CONTRAINDICATED;
    case CLAIMS_REDACT:
    case CLAIMS_WARN:
        return APPRAISAL_WARNING;
    case CLAIMS_PROCEED:
    case CLAIMS_DECISIONS:
        break;
    }
    return APPRAISAL_AFFIRMING;
}

static enum appraisal_tier worse(enum appraisal_tier a, enum appraisal_tier b)
{
    return a > b ? a : b;
}

/* What the rules say of each claim: nothing, where none that was judged looks at it. */
static void claims_judge(const struct rules *rules, struct rules_appraisal *ret)
{
    for (size_t i = 0; i < ret->claim_count; i++) {
        struct rules_claim *at = &ret->claims[i];
        for (size_t r = 0; r < rules->rule_count; r++) {
            if (ret->rules[r].outcome == RULES_SKIPPED ||
                !rules_mentions(&rules->rules[r], at->document, at->claim)) {
                continue;
            }
            enum claims_decision said =
                counts(&ret->rules[r]) ? rules->rules[r].action : CLAIMS_PROCEED;
            at->rules |= UINT64_C(1) << r;
            at->status = worse(at->status, tier_of(said));
        }
    }
}

/* The step configuration of a document: the worst of its claims and of what it decided itself. */
static void configuration_step(const struct rules_appraisal *all, struct rules_submod *submod)
{
    struct appraisal_result *ret = &submod->steps[APPRAISAL_CONFIGURATION];
    enum claims_decision own = submod->document.decision;
    enum appraisal_tier tier = APPRAISAL_NONE;
    struct lucid_span worst = {.data = NULL};
    for (size_t i = 0; i < all->claim_count; i++) {
        if (all->claims[i].document == &submod->document && all->claims[i].status > tier) {
            tier = all->claims[i].status;
            worst = all->claims[i].claim->name;
        }
    }
    if (own != CLAIMS_PROCEED && tier_of(own) >= tier) {
        tier = tier_of(own);
        scheme_say(ret, APPRAISAL_FAIL, "configuration.auditor_decided", "%s",
                   claims_decision_name(own));
    } else if (tier == APPRAISAL_NONE) {
        scheme_say(ret, APPRAISAL_SKIPPED, "configuration.no_rule", NULL);
    } else if (tier == APPRAISAL_AFFIRMING) {
        scheme_say(ret, APPRAISAL_PASS, "configuration.rules_hold", NULL);
    } else {
        scheme_say(ret, APPRAISAL_FAIL, "configuration.rule_triggered", "%.*s", text_len(worst),
                   text_of(worst));
    }
    submod->vector[APPRAISAL_CONFIGURATION_CLAIM] = (int8_t)tier;
}

static void submod_finish(const struct rules_input *input, const struct rules_appraisal *all,
                          struct rules_submod *submod)
{
    scheme_say(&submod->steps[APPRAISAL_REVOCATION], APPRAISAL_NOT_APPLICABLE,
               "revocation.not_applicable", NULL);
    scheme_say(&submod->steps[APPRAISAL_TCB], APPRAISAL_NOT_APPLICABLE, "tcb.not_applicable", NULL);
    configuration_step(all, submod);
    measurement_step(input, submod);
    scheme_say(&submod->steps[APPRAISAL_IDENTITY], APPRAISAL_PASS, "identity.auditor", NULL);
    for (unsigned i = 0; i < APPRAISAL_CATEGORIES; i++) {
        submod->status = worse(submod->status, appraisal_claim_tier(submod->vector[i]));
    }
}

static void decision_raise(struct rules_appraisal *ret, enum claims_decision decision)
{
    ret->decision = decision > ret->decision ? decision : ret->decision;
}

/* No better than either, and affirming only where both are. */
static enum appraisal_tier with_hardware(enum appraisal_tier claims, enum appraisal_tier hardware)
{
    enum appraisal_tier worst = worse(claims, hardware);
    return worst == APPRAISAL_AFFIRMING && claims != hardware ? APPRAISAL_NONE : worst;
}

static void all_judge(const struct rules_input *input, struct rules_appraisal *ret)
{
    const struct rules *rules = input->policy->rules;
    const struct claims_document *documents[RULES_DOCUMENTS_MAX];
    bool judged = false;
    for (size_t i = 0; i < ret->submod_count; i++) {
        documents[i] = &ret->submods[i].document;
        decision_raise(ret, documents[i]->decision);
    }
    for (size_t i = 0; i < rules->required_count; i++) {
        rules_judge_required(&rules->required[i], documents, ret->submod_count, &ret->required[i]);
        judged = true;
        decision_raise(ret, counts(&ret->required[i]) ? CLAIMS_DENY : CLAIMS_PROCEED);
    }
    for (size_t i = 0; i < rules->rule_count; i++) {
        rules_judge(&rules->rules[i], documents, ret->submod_count, &ret->rules[i]);
        judged = judged || ret->rules[i].outcome != RULES_SKIPPED;
        decision_raise(ret, counts(&ret->rules[i]) ? rules->rules[i].action : CLAIMS_PROCEED);
    }
    claims_judge(rules, ret);
    ret->status =
        judged || ret->decision != CLAIMS_PROCEED ? tier_of(ret->decision) : APPRAISAL_NONE;
    for (size_t i = 0; i < ret->submod_count; i++) {
        struct rules_submod *submod = &ret->submods[i];
        submod_finish(input, ret, submod);
        if (submod->steps[APPRAISAL_MEASUREMENT].outcome == APPRAISAL_FAIL) {
            decision_raise(ret, CLAIMS_DENY); /* nobody knows who said this */
        }
        ret->status = worse(ret->status, submod->status == APPRAISAL_AFFIRMING ? APPRAISAL_NONE
                                                                               : submod->status);
    }
    if (ret->has_hardware) {
        ret->status = with_hardware(ret->status, ret->hardware.status);
    }
}

static enum lucid_error claims_gather(struct rules_appraisal *ret, struct lucid_why *why)
{
    for (size_t i = 0; i < ret->submod_count; i++) {
        const struct claims_document *document = &ret->submods[i].document;
        for (size_t c = 0; c < document->claim_count; c++) {
            if (ret->claim_count == CLAIMS_MAX) {
                return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_CLAIMS", "documents",
                                    "more than %d claims in all", CLAIMS_MAX);
            }
            ret->claims[ret->claim_count++] =
                (struct rules_claim){.document = document, .claim = &document->claims[c]};
        }
    }
    return LUCID_OK;
}

/* The first step that failed, of the first document that did. */
static void failure_note(size_t index, struct rules_appraisal *ret)
{
    if (!ret->appraised) {
        return;
    }
    ret->appraised = false;
    ret->failed_document = index;
    ret->failed_step = APPRAISAL_PARSE;
    while (ret->submods[index].steps[ret->failed_step].outcome == APPRAISAL_PASS) {
        ret->failed_step++;
    }
}

enum lucid_error rules_appraise(const struct rules_input *input, struct lucid_arena *arena,
                                struct rules_appraisal *ret, struct lucid_why *why)
{
    lucid_assert(input->document_count >= 1 && input->document_count <= RULES_DOCUMENTS_MAX);
    memset(ret, 0, sizeof(*ret));
    ret->submod_count = input->document_count;
    ret->appraised = true;
    for (size_t i = 0; i < input->document_count; i++) {
        enum lucid_error error = LUCID_OK;
        if (!document_appraise(input, i, arena, &ret->submods[i], &error)) {
            failure_note(i, ret);
        }
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (!ret->appraised) {
        return LUCID_OK;
    }
    enum lucid_error error = claims_gather(ret, why);
    if (error == LUCID_OK) {
        error = rules_hardware_read(input, arena, ret, why);
    }
    if (error == LUCID_OK) {
        all_judge(input, ret);
        error = rules_ear_write(input, arena, ret, why);
    }
    return error;
}
