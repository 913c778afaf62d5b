/* The claims of attestation results, ours and others', read; and written in the other spelling. */
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/ear.h"

#define EAR_DEPTH_MAX  24
#define EAR_VALUES_MAX 16384
#define TIME_MAX_S     253402300799ULL
#define TEXT_BYTES_MAX 512

/* The names in the order of enum ear_spelling. */
static const char *const top_names[][2] = {
    {"ear_verifier_id", "ear.verifier-id"},
    {"ear_raw_evidence", "ear.raw-evidence"},
};
static const char *const submod_names[][2] = {
    {"ear_status", "ear.status"},
    {"ear_trustworthiness_vector", "ear.trustworthiness-vector"},
    {"ear_appraisal_policy_ids", "ear.appraisal-policy-id"},
    {"ear_raw_evidence", "ear.raw-evidence"},
    {"ear_attester_claims", "ear.veraison.annotated-evidence"},
    {"ear_verifier_claims", "ear.veraison.policy-claims"},
    {"ear_veraison_key_attestation", "ear.veraison.key-attestation"},
};
#define TOP_NAMES    (sizeof(top_names) / sizeof(top_names[0]))
#define SUBMOD_NAMES (sizeof(submod_names) / sizeof(submod_names[0]))

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_EAR", param, "%s", text);
}

static bool is_type(const struct jcs_value *value, enum jcs_type type)
{
    return value != NULL && jcs_type(value) == type;
}

static bool begins(struct lucid_span text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

static enum lucid_error claims_parse(struct lucid_span text, struct lucid_arena *arena,
                                     const struct jcs_value **ret, struct lucid_why *why)
{
    static const struct jcs_limits limits = {.depth_max = EAR_DEPTH_MAX,
                                             .values_max = EAR_VALUES_MAX};
    struct lucid_why inner = {.code = NULL};
    if (text.len > EAR_TOKEN_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "INVALID_EAR", NULL,
                            "the claims are longer than %zu bytes", EAR_TOKEN_BYTES_MAX);
    }
    enum lucid_error e = jcs_parse(text, &limits, arena, ret, &inner);
    if (lucid_category(e) == LUCID_CATEGORY_REFUSE) {
        return refuse(why, inner.param, inner.text);
    }
    return e != LUCID_OK || is_type(*ret, JCS_OBJECT) ? e : refuse(why, NULL, "they are no object");
}

/* --- reading ---------------------------------------------------------------------------------- */

struct seen {
    bool spelling[2];
};

static void names_see(const struct jcs_value *object, struct seen *seen)
{
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(object, at)) != NULL) {
        seen->spelling[EAR_DRAFT_04] |= begins(jcs_name(at), "ear_");
        seen->spelling[EAR_VERAISON] |= begins(jcs_name(at), "ear.");
    }
}

/* The spelling of the names and of the profile, which must be one. */
static enum lucid_error spelling_find(const struct jcs_value *root, enum ear_spelling *ret,
                                      struct lucid_why *why)
{
    const struct jcs_value *profile = jcs_member(root, "eat_profile");
    const struct jcs_value *submods = jcs_member(root, "submods");
    struct seen seen = {{false, false}};
    const struct jcs_value *at = NULL;
    names_see(root, &seen);
    while ((at = jcs_next(submods, at)) != NULL) {
        names_see(at, &seen);
    }
    if (!is_type(profile, JCS_STRING)) {
        return refuse(why, "eat_profile", "it is to be there, as text");
    }
    seen.spelling[EAR_DRAFT_04] |= begins(jcs_string(profile), "tag:ietf.org,2026:rats/ear#");
    seen.spelling[EAR_VERAISON] |= lucid_span_is(jcs_string(profile), EAR_PROFILE_OLD);
    if (seen.spelling[EAR_DRAFT_04] == seen.spelling[EAR_VERAISON]) {
        return refuse(why, "eat_profile",
                      seen.spelling[EAR_DRAFT_04] ? "the two spellings of EAR are mixed"
                                                  : "it is no EAR");
    }
    *ret = seen.spelling[EAR_DRAFT_04] ? EAR_DRAFT_04 : EAR_VERAISON;
    return LUCID_OK;
}

static enum lucid_error tier_read(const struct jcs_value *value, enum appraisal_tier *ret,
                                  struct lucid_why *why, const char *param)
{
    static const enum appraisal_tier tiers[] = {APPRAISAL_NONE, APPRAISAL_AFFIRMING,
                                                APPRAISAL_WARNING, APPRAISAL_CONTRAINDICATED};
    for (size_t i = 0; is_type(value, JCS_STRING) && i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (lucid_span_is(jcs_string(value), appraisal_tier_name(tiers[i]))) {
            *ret = tiers[i];
            return LUCID_OK;
        }
    }
    return refuse(why, param, "it is to be none, affirming, warning or contraindicated");
}

/* A whole number of -128 … 127. */
static bool claim_read(const struct jcs_value *value, int8_t *ret)
{
    struct lucid_buf text = {0};
    bool good = false;
    if (!is_type(value, JCS_NUMBER)) {
        return false;
    }
    jcs_write(value, &text);
    bool negative = text.len > 0 && text.data[0] == '-';
    unsigned number = 0;
    size_t i = negative ? 1 : 0;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9' && number <= 128; i++) {
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    good = lucid_buf_ok(&text) && i == text.len && number <= (negative ? 128U : 127U);
    if (good) {
        *ret = (int8_t)(negative ? -(int)number : (int)number);
    }
    lucid_buf_fini(&text);
    return good;
}

static enum lucid_error vector_read(const struct jcs_value *vector, struct ear_submod *ret,
                                    struct lucid_why *why, const char *param)
{
    if (!is_type(vector, JCS_OBJECT) || jcs_count(vector) == 0) {
        return refuse(why, param, "it is to be an object with members");
    }
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(vector, at)) != NULL) {
        unsigned i = 0;
        while (i < APPRAISAL_CATEGORIES &&
               !lucid_span_is(jcs_name(at), appraisal_category_name((enum appraisal_category)i))) {
            i++;
        }
        if (i == APPRAISAL_CATEGORIES || !claim_read(at, &ret->vector[i])) {
            return refuse(why, param, "its members are the eight of AR4SI, from -128 to 127");
        }
    }
    ret->has_vector = true;
    return LUCID_OK;
}

static enum lucid_error submod_read(const struct jcs_value *value, enum ear_spelling spelling,
                                    struct ear_submod *ret, struct lucid_why *why)
{
    const struct jcs_value *vector = jcs_member(value, submod_names[1][spelling]);
    if (!is_type(value, JCS_OBJECT)) {
        return refuse(why, "submods", "each is to be an object");
    }
    ret->name = jcs_name(value);
    enum lucid_error e = tier_read(jcs_member(value, submod_names[0][spelling]), &ret->status, why,
                                   submod_names[0][spelling]);
    if (e == LUCID_OK && vector != NULL) {
        e = vector_read(vector, ret, why, submod_names[1][spelling]);
    }
    if (e == LUCID_OK && ret->status != APPRAISAL_NONE &&
        ret->status < appraisal_vector_tier(ret->vector)) {
        e = refuse(why, submod_names[0][spelling],
                   "the status is better than the worst member of the vector");
    }
    return e;
}

static enum lucid_error submods_read(const struct jcs_value *root, struct ear *ret,
                                     struct lucid_why *why)
{
    const struct jcs_value *submods = jcs_member(root, "submods");
    bool none = false;
    if (!is_type(submods, JCS_OBJECT) || jcs_count(submods) == 0 ||
        jcs_count(submods) > APPRAISAL_EVIDENCES_MAX) {
        return refuse(why, "submods", "there are to be 1 to 16");
    }
    const struct jcs_value *at = NULL;
    while ((at = jcs_next(submods, at)) != NULL) {
        struct ear_submod *submod = &ret->submods[ret->submod_count++];
        enum lucid_error e = submod_read(at, ret->spelling, submod, why);
        if (e != LUCID_OK) {
            return e;
        }
        enum appraisal_tier worst = appraisal_vector_tier(submod->vector);
        worst = submod->status > worst ? submod->status : worst;
        ret->status = worst > ret->status ? worst : ret->status;
        none = none || submod->status == APPRAISAL_NONE;
    }
    if (none && ret->status == APPRAISAL_AFFIRMING) {
        ret->status = APPRAISAL_NONE;
    }
    return LUCID_OK;
}

/* The status of the whole is never better than that of a part. */
static enum lucid_error status_check(const struct jcs_value *root, struct ear *ret,
                                     struct lucid_why *why)
{
    const char *name = submod_names[0][ret->spelling];
    const struct jcs_value *value = jcs_member(root, name);
    enum appraisal_tier status = APPRAISAL_NONE;
    if (value == NULL) {
        return LUCID_OK;
    }
    enum lucid_error e = tier_read(value, &status, why, name);
    if (e != LUCID_OK) {
        return e;
    }
    if (status != APPRAISAL_NONE && (status < ret->status || (status == APPRAISAL_AFFIRMING &&
                                                              ret->status == APPRAISAL_NONE))) {
        return refuse(why, name, "the status is better than that of a submod");
    }
    /* "none" says nothing: it hides no warning of a part. */
    if (status != APPRAISAL_NONE || ret->status == APPRAISAL_AFFIRMING) {
        ret->status = status;
    }
    return LUCID_OK;
}

static enum lucid_error verifier_read(const struct jcs_value *root, struct ear *ret,
                                      struct lucid_why *why)
{
    const char *name = top_names[0][ret->spelling];
    const struct jcs_value *developer = jcs_member(jcs_member(root, name), "developer");
    const struct jcs_value *build = jcs_member(jcs_member(root, name), "build");
    if (!is_type(developer, JCS_STRING) || !is_type(build, JCS_STRING) ||
        jcs_string(developer).len > TEXT_BYTES_MAX || jcs_string(build).len > TEXT_BYTES_MAX) {
        return refuse(why, name, "it is to have a developer and a build, as text");
    }
    ret->developer = jcs_string(developer);
    ret->build = jcs_string(build);
    return LUCID_OK;
}

static enum lucid_error time_read(const struct jcs_value *root, const char *name, bool required,
                                  uint64_t *ret, struct lucid_why *why)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL && !required) {
        return LUCID_OK;
    }
    if (value == NULL || !jcs_uint(value, ret) || *ret > TIME_MAX_S) {
        return refuse(why, name, "it is to be a whole number of seconds since 1970");
    }
    return LUCID_OK;
}

enum lucid_error ear_read(struct lucid_span claims, struct lucid_arena *arena, struct ear *ret,
                          struct lucid_why *why)
{
    const struct jcs_value *root;
    struct ear ear = {0};
    enum lucid_error e = claims_parse(claims, arena, &root, why);
    if (e == LUCID_OK) {
        e = spelling_find(root, &ear.spelling, why);
    }
    if (e == LUCID_OK) {
        e = time_read(root, "iat", true, &ear.iat_s, why);
    }
    if (e == LUCID_OK) {
        e = time_read(root, "exp", false, &ear.exp_s, why);
    }
    if (e == LUCID_OK) {
        e = verifier_read(root, &ear, why);
    }
    if (e == LUCID_OK) {
        e = submods_read(root, &ear, why);
    }
    if (e == LUCID_OK) {
        e = status_check(root, &ear, why);
    }
    if (e == LUCID_OK) {
        *ret = ear;
    }
    return e;
}

/* --- the other spelling ----------------------------------------------------------------------- */

static const char *renamed(struct lucid_span name, const char *const (*names)[2], size_t count,
                           enum ear_spelling spelling)
{
    for (size_t i = 0; i < count; i++) {
        if (lucid_span_is(name, names[i][0]) || lucid_span_is(name, names[i][1])) {
            return names[i][spelling];
        }
    }
    return NULL;
}

static void name_write(struct lucid_buf *out, const char *other, struct lucid_span name)
{
    if (out->len > 0 && lucid_buf_ok(out) && out->data[out->len - 1] != '{') {
        lucid_buf_char(out, ',');
    }
    lucid_json_string(out, other == NULL ? name : lucid_span_str(other));
    lucid_buf_char(out, ':');
}

/* A list of policies in the draft, one in the older form; evidence with its media type, and
 * without. */
static void member_write(struct lucid_buf *out, const char *name, const struct jcs_value *value,
                         enum ear_spelling spelling)
{
    bool list = jcs_type(value) == JCS_ARRAY;
    bool policy = name != NULL && lucid_span_is(lucid_span_str(name), submod_names[2][spelling]);
    bool raw = name != NULL && lucid_span_is(lucid_span_str(name), top_names[1][spelling]);
    const struct jcs_value *first = list ? jcs_next(value, NULL) : NULL;
    if (spelling == EAR_VERAISON && policy && first != NULL) {
        jcs_write(first, out);
    } else if (spelling == EAR_VERAISON && raw && list && jcs_count(value) >= 2) {
        jcs_write(jcs_next(value, first), out);
    } else if (spelling == EAR_DRAFT_04 && (policy || raw) && !list) {
        lucid_buf_str(out, raw ? "[\"application/octet-stream\"," : "[");
        jcs_write(value, out);
        lucid_buf_char(out, ']');
    } else {
        jcs_write(value, out);
    }
}

static void submods_write(const struct jcs_value *submods, enum ear_spelling spelling,
                          struct lucid_buf *out)
{
    const struct jcs_value *submod = NULL;
    lucid_buf_char(out, '{');
    while ((submod = jcs_next(submods, submod)) != NULL) {
        const struct jcs_value *at = NULL;
        name_write(out, NULL, jcs_name(submod));
        if (jcs_type(submod) != JCS_OBJECT) {
            jcs_write(submod, out);
            continue;
        }
        lucid_buf_char(out, '{');
        while ((at = jcs_next(submod, at)) != NULL) {
            const char *other = renamed(jcs_name(at), submod_names, SUBMOD_NAMES, spelling);
            name_write(out, other, jcs_name(at));
            member_write(out, other, at, spelling);
        }
        lucid_buf_char(out, '}');
    }
    lucid_buf_char(out, '}');
}

static void claims_respell(const struct jcs_value *root, enum ear_spelling spelling,
                           struct lucid_buf *out)
{
    const struct jcs_value *at = NULL;
    lucid_buf_char(out, '{');
    while ((at = jcs_next(root, at)) != NULL) {
        struct lucid_span name = jcs_name(at);
        const char *other = renamed(name, top_names, TOP_NAMES, spelling);
        if (lucid_span_is(name, "ear_status") && spelling == EAR_VERAISON) {
            continue; /* the older form has it in the submods alone */
        }
        name_write(out, other, name);
        if (lucid_span_is(name, "eat_profile")) {
            lucid_buf_printf(out, "\"%s\"",
                             spelling == EAR_DRAFT_04 ? EAR_PROFILE : EAR_PROFILE_OLD);
        } else if (lucid_span_is(name, "submods") && jcs_type(at) == JCS_OBJECT) {
            submods_write(at, spelling, out);
        } else {
            member_write(out, other, at, spelling);
        }
    }
    lucid_buf_char(out, '}');
}

enum lucid_error ear_respell(struct lucid_span claims, enum ear_spelling spelling,
                             struct lucid_arena *arena, struct lucid_span *ret,
                             struct lucid_why *why)
{
    const struct jcs_value *root;
    struct lucid_buf out = {0};
    struct lucid_why inner = {.code = NULL};
    enum lucid_error e = claims_parse(claims, arena, &root, why);
    if (e != LUCID_OK) {
        return e;
    }
    claims_respell(root, spelling, &out);
    e = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&out)) {
        /* Names of both spellings would be one name twice. */
        e = canonical_form(lucid_buf_span(&out), arena, ret, &inner);
    }
    lucid_buf_fini(&out);
    return lucid_category(e) == LUCID_CATEGORY_REFUSE
               ? refuse(why, inner.param, "the two spellings of EAR are mixed")
               : e;
}
