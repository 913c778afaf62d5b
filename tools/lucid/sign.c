#include "tools/lucid/sign.h"

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "ledger/receipt.h"
#include "tools/lucid/input.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define VALUES_MAX      262144

static enum lucid_error record_parse(struct lucid_span text, struct lucid_arena *arena,
                                     const struct jcs_value **ret, struct lucid_why *why)
{
    /* One level more than a body may have: the envelope around it. */
    const struct jcs_limits limits = {.depth_max = RECEIPT_DEPTH_MAX + 1, .values_max = VALUES_MAX};
    return jcs_parse(text, &limits, arena, ret, why);
}

/* An envelope has a body object inside. Some add a copy of receipt_type outside, so that a body
 * with a member of its own called body is told apart by the signature. */
static bool is_envelope(const struct jcs_value *root)
{
    const struct jcs_value *body = jcs_member(root, "body");
    return body != NULL && jcs_type(body) == JCS_OBJECT &&
           (jcs_member(root, "receipt_signature") != NULL ||
            jcs_member(root, "receipt_type") == NULL);
}

static enum lucid_error envelope_pass(const struct jcs_value *root, struct lucid_buf *out,
                                      struct lucid_why *why)
{
    static const char *const names[] = {"body", "receipt_hash", "receipt_signature",
                                        "signer_pubkey"};
    lucid_buf_char(out, '{');
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct jcs_value *value = jcs_member(root, names[i]);
        bool optional = strcmp(names[i], "receipt_hash") == 0;
        if (value == NULL && !optional) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", names[i],
                                "the envelope lacks %s", names[i]);
        }
        if (value != NULL) {
            lucid_json_member(out, names[i]);
            jcs_write(value, out);
        }
    }
    lucid_buf_char(out, '}');
    return LUCID_OK;
}

/* The text of the body with what is absent put in front of its members. */
static void members_fill(const struct jcs_value *body, struct lucid_span text, uint64_t now_s,
                         struct lucid_buf *out)
{
    lucid_assert(text.len >= 2 && text.data[0] == '{');
    lucid_buf_char(out, '{');
    if (jcs_member(body, "run_id") == NULL) {
        uint8_t random[16];
        lucid_random(random, sizeof(random));
        lucid_json_member(out, "run_id");
        lucid_buf_str(out, "\"run_");
        lucid_buf_hex(out, random, sizeof(random));
        lucid_buf_char(out, '"');
    }
    if (jcs_member(body, "timestamp") == NULL) {
        lucid_json_member_u64(out, "timestamp", now_s);
    }
    if (out->len > 1 && jcs_count(body) > 0) {
        lucid_buf_char(out, ',');
    }
    lucid_buf_put(out, text.data + 1, text.len - 1);
}

static enum lucid_error body_sign(const struct signing *signing, const struct jcs_value *body,
                                  struct lucid_span text, struct lucid_arena *arena,
                                  struct lucid_buf *out, struct lucid_why *why)
{
    struct lucid_buf filled = {0};
    if (signing->secret == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "NO_KEY", SECRET_ENVIRONMENT,
                            "a body must be signed, and neither " SECRET_ENVIRONMENT
                            " nor --key-file is given");
    }
    members_fill(body, text, signing->now_s, &filled);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    const struct jcs_value *whole = NULL;
    struct receipt_facts facts;
    if (lucid_buf_ok(&filled)) {
        error = record_parse(lucid_buf_span(&filled), arena, &whole, why);
    }
    if (error == LUCID_OK && signing->check) {
        error = receipt_body_check(whole, UINT64_MAX, &facts, why);
    }
    if (error == LUCID_OK) {
        error = receipt_envelope_sign(whole, signing->secret, out, why);
    }
    lucid_buf_fini(&filled);
    return error;
}

enum lucid_error sign_record(const struct signing *signing, struct lucid_span text,
                             struct lucid_buf *out, struct lucid_why *why)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, ARENA_BYTES_MAX);
    const struct jcs_value *root = NULL;
    enum lucid_error error = record_parse(text, &arena, &root, why);
    if (error == LUCID_OK && jcs_type(root) != JCS_OBJECT) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", NULL,
                             "a JSON object is expected");
    } else if (error == LUCID_OK && is_envelope(root)) {
        error = envelope_pass(root, out, why);
    } else if (error == LUCID_OK) {
        error = body_sign(signing, root, text, &arena, out, why);
    }
    if (error == LUCID_OK && !lucid_buf_ok(out)) {
        error = LUCID_RETRY_MEMORY;
    }
    lucid_arena_fini(&arena);
    return error;
}
