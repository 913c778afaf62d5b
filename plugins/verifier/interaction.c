/* The chain of an interaction: read, checked, made. */
#include "plugins/verifier/interaction.h"

#include <stdio.h>

#include "base/assert.h"
#include "plugins/verifier/canonical.h"
#include "plugins/verifier/claims_internal.h"
#include "plugins/verifier/document_internal.h"
#include "plugins/verifier/rules.h"

enum {
    LEVELS_MAX = 4,
    TEXT_BYTES_MAX = 128,
};

static const char code[] = "INVALID_INTERACTION";

/* --- hashes ----------------------------------------------------------------------------------- */

/* Members in canonical order; their values need no escape. */
static bool genesis(const struct interaction *form, uint8_t ret[LUCID_SHA256_BYTES])
{
    struct lucid_buf buf;
    lucid_buf_init(&buf, 0);
    lucid_buf_char(&buf, '{');
    lucid_json_member_hex(&buf, "requestHash", form->request_hash.data, form->request_hash.len);
    lucid_json_member_str(&buf, "traceId", form->trace_id);
    lucid_json_member_cstr(&buf, "type", INTERACTION_TYPE_NAME);
    lucid_buf_char(&buf, '}');
    bool good = lucid_buf_ok(&buf);
    if (good) {
        lucid_sha256(lucid_buf_span(&buf), ret);
    }
    lucid_buf_fini(&buf);
    return good;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void link_read(const struct field *at, struct interaction *ret)
{
    static const char *const names[] = {"position", "phase",    "id", "claimsDigest",
                                        "decision", "previous", NULL};
    struct interaction_link *link = &ret->links[ret->link_count];
    struct field position = field_member(at, "position");
    struct field phase = field_member(at, "phase");
    struct field id = field_member(at, "id");
    struct field claims = field_member(at, "claimsDigest");
    struct field decision = field_member(at, "decision");
    struct field previous = field_member(at, "previous");
    uint64_t number = 0;
    size_t chosen = 0;
    field_object(at, names);
    field_required(&position);
    if (field_uint(&position, 0, INTERACTION_AUDITORS_MAX, &number) && number != ret->link_count) {
        field_refuse(&position, "must be %zu: positions have no gap", ret->link_count);
    }
    field_required(&phase);
    if (field_choice(&phase, claims_phase_names, &chosen)) {
        link->phase = (enum claims_phase)chosen;
    }
    if (ret->link_count > 0 && link->phase < link[-1].phase) {
        field_refuse(&phase, "comes after the phase %s", claims_phase_name(link[-1].phase));
    }
    field_required(&id);
    field_name(&id, CLAIMS_ID_BYTES_MAX, &link->auditor);
    field_required(&claims);
    field_digest(&claims, link->claims);
    field_required(&decision);
    if (field_choice(&decision, claims_decision_names, &chosen)) {
        link->decision = (enum claims_decision)chosen;
    }
    if (ret->link_count > 0 && link[-1].decision == CLAIMS_DENY) {
        field_refuse(at, "stands after a deny, which ends the chain");
    }
    field_required(&previous);
    if (field_digest(&previous, link->previous) &&
        memcmp(link->previous, ret->chain, sizeof(ret->chain)) != 0) {
        field_refuse(&previous, "is not the hash of what stands before it");
    }
    ret->decision = link->decision > ret->decision ? link->decision : ret->decision;
    ret->link_count++;
    struct lucid_span canonical = document_canonical(at);
    if (canonical.data != NULL) {
        lucid_sha256(canonical, ret->chain);
    }
}

static void links_read(const struct field *at, struct interaction *ret)
{
    field_required(at);
    if (!field_array(at, 1, INTERACTION_AUDITORS_MAX)) {
        return;
    }
    ret->links = field_alloc(at, jcs_count(at->value) * sizeof(*ret->links));
    if (ret->links != NULL && !genesis(ret, ret->chain)) {
        at->reading->error = LUCID_RETRY_MEMORY;
    }
    struct field item = field_walk(at);
    while (ret->links != NULL && field_next(at, &item)) {
        link_read(&item, ret);
    }
}

static void head_read(const struct field *document, struct interaction *ret)
{
    struct field id = field_member(document, "id");
    struct field passport = field_member(document, "passportId");
    struct field request = field_member(document, "requestHash");
    struct field response = field_member(document, "responseHash");
    struct field trace = field_member(document, "traceId");
    struct field issued = field_member(document, "issuedAt");
    field_type(document, INTERACTION_TYPE_NAME);
    field_required(&id);
    field_name(&id, TEXT_BYTES_MAX, &ret->id);
    field_name(&passport, TEXT_BYTES_MAX, &ret->passport_id);
    field_required(&request);
    claims_hash_read(&request, &ret->request_hash);
    claims_hash_read(&response, &ret->response_hash);
    field_required(&trace);
    field_name(&trace, TEXT_BYTES_MAX, &ret->trace_id);
    field_required(&issued);
    field_time(&issued, &ret->issued_ms);
}

static void end_check(const struct field *document, const struct interaction *chain)
{
    struct field hash = field_member(document, "chainHash");
    struct field response = field_member(document, "responseHash");
    uint8_t said[LUCID_SHA256_BYTES];
    field_required(&hash);
    if (field_digest(&hash, said) && memcmp(said, chain->chain, sizeof(said)) != 0) {
        field_refuse(&hash, "is not the hash of the last link");
    }
    if (document->reading->error != LUCID_OK) {
        return;
    }
    const struct interaction_link *last = &chain->links[chain->link_count - 1];
    bool stopped = last->decision == CLAIMS_DENY && last->phase < CLAIMS_RESPONSE;
    if (!stopped) {
        field_required(&response);
    }
}

enum lucid_error interaction_parse(struct lucid_span text, struct lucid_arena *arena,
                                   struct interaction *ret, struct lucid_why *why)
{
    static const char *const names[] = {"type",         "id",      "passportId", "requestHash",
                                        "responseHash", "traceId", "issuedAt",   "auditors",
                                        "chainHash",    NULL};
    struct field_reading reading = {.code = code, .arena = arena, .why = why};
    struct field document;
    if (field_parse(&reading, text, INTERACTION_BYTES_MAX, LEVELS_MAX, &document) != LUCID_OK) {
        return reading.error;
    }
    struct interaction interaction = {.decision = CLAIMS_PROCEED};
    struct field links = field_member(&document, "auditors");
    field_object(&document, names);
    head_read(&document, &interaction);
    if (reading.error == LUCID_OK) {
        links_read(&links, &interaction);
    }
    end_check(&document, &interaction);
    interaction.canonical = document_canonical(&document);
    if (reading.error == LUCID_OK) {
        lucid_sha256(interaction.canonical, interaction.record_id);
        *ret = interaction;
    }
    return reading.error;
}

/* --- against the documents -------------------------------------------------------------------- */

static enum lucid_error refuse_at(struct lucid_why *why, size_t position, const char *member,
                                  const char *text)
{
    char param[64];
    (void)snprintf(param, sizeof(param), "auditors[%zu]%s%s", position,
                   member[0] == '\0' ? "" : ".", member);
    return lucid_refuse(why, LUCID_REFUSE_INVALID, code, param, "%s", text);
}

/* Whether the claims say that they are about this request of this trace. Claims about an artifact
 * need not: it was there before any request. */
static enum lucid_error subject_match(const struct interaction *interaction, size_t position,
                                      const struct claims_document *document, struct lucid_why *why)
{
    const struct lucid_span *request = &document->hashes[1];
    const struct lucid_span *response = &document->hashes[2];
    if (document->trace_id.len != 0 &&
        !lucid_span_equal(document->trace_id, interaction->trace_id)) {
        return refuse_at(why, position, "", "its claims are about another trace");
    }
    if (request->len != 0 && !lucid_span_equal(*request, interaction->request_hash)) {
        return refuse_at(why, position, "", "its claims are about another request");
    }
    if (response->len != 0 && !lucid_span_equal(*response, interaction->response_hash)) {
        return refuse_at(why, position, "", "its claims are about another response");
    }
    if (document->phase != CLAIMS_ARTIFACT && document->trace_id.len == 0 && request->len == 0) {
        return refuse_at(why, position, "",
                         "its claims do not say what they are about: their subject must name the "
                         "trace or the request");
    }
    return LUCID_OK;
}

/* The same claims twice are no second look. */
static enum lucid_error once_check(const struct interaction *interaction, size_t position,
                                   struct lucid_why *why)
{
    const uint8_t *claims = interaction->links[position].claims;
    for (size_t i = 0; i < position; i++) {
        if (memcmp(interaction->links[i].claims, claims, LUCID_SHA256_BYTES) == 0) {
            return refuse_at(why, position, "claimsDigest", "stands in the chain already");
        }
    }
    return LUCID_OK;
}

static enum lucid_error link_match(const struct interaction *interaction, size_t position,
                                   const struct claims_document *document, struct lucid_why *why)
{
    const struct interaction_link *link = &interaction->links[position];
    if (memcmp(link->claims, document->id, sizeof(link->claims)) != 0) {
        return refuse_at(why, position, "claimsDigest", "is that of another document");
    }
    if (!lucid_span_equal(link->auditor, document->auditor)) {
        return refuse_at(why, position, "id", "is not the auditor of the document");
    }
    if (link->phase != document->phase) {
        return refuse_at(why, position, "phase", "is not that of the document");
    }
    if (link->decision != document->decision) {
        return refuse_at(why, position, "decision", "is not that of the document");
    }
    if (document->issued_ms > interaction->issued_ms + RULES_FUTURE_S * UINT64_C(1000)) {
        return refuse_at(why, position, "", "its claims were made after this record");
    }
    enum lucid_error error = subject_match(interaction, position, document, why);
    return error == LUCID_OK ? once_check(interaction, position, why) : error;
}

enum lucid_error interaction_match(const struct interaction *interaction,
                                   const struct claims_document *const *documents, size_t count,
                                   struct lucid_why *why)
{
    size_t common = count < interaction->link_count ? count : interaction->link_count;
    for (size_t i = 0; i < common; i++) {
        enum lucid_error error = link_match(interaction, i, documents[i], why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    if (count != interaction->link_count) {
        return refuse_at(why, common, "",
                         count < interaction->link_count ? "its claims document is missing"
                                                         : "a claims document has no link");
    }
    return LUCID_OK;
}

/* --- making ----------------------------------------------------------------------------------- */

/* One link, in canonical form, and its hash in place of that before it. */
static void link_write(const struct claims_document *document, size_t position,
                       uint8_t chain[LUCID_SHA256_BYTES], struct lucid_buf *buf)
{
    size_t start = buf->len;
    lucid_buf_char(buf, '{');
    canonical_digest(buf, "claimsDigest", document->id);
    lucid_json_member_cstr(buf, "decision", claims_decision_name(document->decision));
    lucid_json_member_str(buf, "id", document->auditor);
    lucid_json_member_cstr(buf, "phase", claims_phase_name(document->phase));
    lucid_json_member_u64(buf, "position", position);
    canonical_digest(buf, "previous", chain);
    lucid_buf_char(buf, '}');
    if (lucid_buf_ok(buf)) {
        lucid_sha256(lucid_span(buf->data + start, buf->len - start), chain);
    }
}

static bool record_write(const struct interaction *form,
                         const struct claims_document *const *documents, size_t count,
                         struct lucid_buf *buf)
{
    uint8_t chain[LUCID_SHA256_BYTES];
    if (!genesis(form, chain)) {
        return false;
    }
    lucid_buf_char(buf, '{');
    lucid_json_member_cstr(buf, "type", INTERACTION_TYPE_NAME);
    lucid_json_member_str(buf, "id", form->id);
    if (form->passport_id.len != 0) {
        lucid_json_member_str(buf, "passportId", form->passport_id);
    }
    lucid_json_member_hex(buf, "requestHash", form->request_hash.data, form->request_hash.len);
    if (form->response_hash.len != 0) {
        lucid_json_member_hex(buf, "responseHash", form->response_hash.data,
                              form->response_hash.len);
    }
    lucid_json_member_str(buf, "traceId", form->trace_id);
    lucid_json_member_time(buf, "issuedAt", form->issued_ms);
    lucid_json_member(buf, "auditors");
    lucid_buf_char(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            lucid_buf_char(buf, ',');
        }
        link_write(documents[i], i, chain, buf);
    }
    lucid_buf_char(buf, ']');
    canonical_digest(buf, "chainHash", chain);
    lucid_buf_char(buf, '}');
    return lucid_buf_ok(buf);
}

enum lucid_error interaction_make(const struct interaction *form,
                                  const struct claims_document *const *documents, size_t count,
                                  struct lucid_arena *arena, struct interaction *ret,
                                  struct lucid_why *why)
{
    struct interaction made = {.link_count = 0};
    struct lucid_buf buf;
    lucid_buf_init(&buf, 0);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (record_write(form, documents, count, &buf)) {
        error = interaction_parse(lucid_buf_span(&buf), arena, &made, why);
    }
    lucid_buf_fini(&buf);
    if (error == LUCID_OK) {
        error = interaction_match(&made, documents, count, why);
    }
    if (error == LUCID_OK) {
        *ret = made;
    }
    return error;
}
