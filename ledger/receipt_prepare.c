/* From an envelope's bytes to a checked command, and from a body to a signed envelope. */
#include "base/assert.h"
#include "base/checked.h"
#include "ledger/ed25519.h"
#include "ledger/receipt_internal.h"
#include "ledger/signer.h"

/* No canonical body within RECEIPT_BODY_BYTES_MAX has more values than half its bytes ([0,0,…]);
 * some more for the envelope and its unknown members. */
#define VALUES_MAX (RECEIPT_BODY_BYTES_MAX / 2 + 1024)

_Static_assert(STORE_ENTRY_BYTES == 128, "an entry is hash, signer's hash and signature");

struct envelope {
    const struct jcs_value *body;
    uint8_t signer[LEDGER_ED25519_PUBLIC_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    uint8_t hash[LUCID_SHA256_BYTES];
    bool has_hash;
};

static enum lucid_error too_large(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "BODY_TOO_LARGE", param, "%s", text);
}

static enum lucid_error envelope_parse(struct lucid_span text, struct lucid_arena *arena,
                                       const struct jcs_value **ret_root, struct lucid_why *why)
{
    /* The envelope is one level around the body. */
    const struct jcs_limits limits = {.depth_max = RECEIPT_DEPTH_MAX + 1, .values_max = VALUES_MAX};
    const struct jcs_value *root = NULL;
    enum lucid_error error = jcs_parse(text, &limits, arena, &root, why);
    if (error == LUCID_REFUSE_TOO_LARGE) {
        return too_large(why, NULL, "the envelope holds more than the largest body could");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (jcs_type(root) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", NULL,
                            "the envelope must be an object");
    }
    *ret_root = root;
    return LUCID_OK;
}

static enum lucid_error envelope_body(const struct jcs_value *root, struct envelope *envelope,
                                      struct lucid_why *why)
{
    envelope->body = jcs_member(root, "body");
    if (envelope->body == NULL || jcs_type(envelope->body) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", "body",
                            envelope->body == NULL ? "body is missing" : "body must be an object");
    }
    return LUCID_OK;
}

static enum lucid_error envelope_hex(const struct jcs_value *root, const char *name, uint8_t *bytes,
                                     size_t len, struct lucid_why *why)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", name, "%s is missing",
                            name);
    }
    if (jcs_type(value) != JCS_STRING || !lucid_hex_decode(jcs_string(value), bytes, len)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", name,
                            "%s must be %zu lower-case hex digits", name, 2 * len);
    }
    return LUCID_OK;
}

static enum lucid_error envelope_members(const struct jcs_value *root, struct envelope *envelope,
                                         struct lucid_why *why)
{
    enum lucid_error error = envelope_hex(root, "receipt_signature", envelope->signature,
                                          sizeof(envelope->signature), why);
    if (error == LUCID_OK) {
        error =
            envelope_hex(root, "signer_pubkey", envelope->signer, sizeof(envelope->signer), why);
    }
    envelope->has_hash = jcs_member(root, "receipt_hash") != NULL;
    if (error == LUCID_OK && envelope->has_hash) {
        error = envelope_hex(root, "receipt_hash", envelope->hash, sizeof(envelope->hash), why);
    }
    return error;
}

/* Writes the canonical form into bytes_max bytes of the arena. *ret_fits false: it is longer. */
static enum lucid_error canonical_try(const struct jcs_value *body, size_t bytes_max,
                                      struct lucid_arena *arena, struct lucid_span *ret,
                                      bool *ret_fits)
{
    lucid_assert(bytes_max > 0);
    /* A buffer that is as large as it may become never moves, so the arena keeps it. */
    struct lucid_buf out = {
        .data = lucid_arena_alloc(arena, bytes_max),
        .cap = bytes_max,
        .bytes_max = bytes_max,
    };
    if (out.data == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    jcs_write(body, &out);
    *ret_fits = lucid_buf_ok(&out);
    *ret = lucid_buf_span(&out);
    return LUCID_OK;
}

static enum lucid_error canonical_write(const struct jcs_value *body, size_t text_len,
                                        struct lucid_arena *arena, struct lucid_span *ret,
                                        struct lucid_why *why)
{
    /* Only numbers can grow (1e20), and seldom by more than the envelope around them takes. */
    size_t likely_max = text_len < RECEIPT_BODY_BYTES_MAX ? text_len : RECEIPT_BODY_BYTES_MAX;
    bool fits = false;
    struct lucid_span canonical = {NULL, 0};
    enum lucid_error error = canonical_try(body, likely_max, arena, &canonical, &fits);
    if (error == LUCID_OK && !fits && likely_max < RECEIPT_BODY_BYTES_MAX) {
        error = canonical_try(body, RECEIPT_BODY_BYTES_MAX, arena, &canonical, &fits);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!fits) {
        return too_large(why, "body", "the canonical form of body is longer than 65535 bytes");
    }
    *ret = canonical;
    return LUCID_OK;
}

static enum lucid_error signature_check(const struct envelope *envelope, const uint8_t hash[32],
                                        struct ledger_view *view, struct lucid_why *why)
{
    struct ledger_signer signer;
    enum lucid_error error = ledger_signer_read(view, envelope->signer, &signer);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "SIGNER_UNKNOWN", "signer_pubkey",
                            "signer_pubkey is not a registered key");
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (!ledger_ed25519_verify(envelope->signer, lucid_span(hash, LUCID_SHA256_BYTES),
                               envelope->signature)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "SIGNATURE_INVALID", "receipt_signature",
                            "receipt_signature is not the signer's over this receipt's hash");
    }
    return LUCID_OK;
}

static void command_fill(struct receipt_command *command, const struct envelope *envelope,
                         const struct receipt_facts *facts, struct lucid_span canonical,
                         const uint8_t hash[32])
{
    *command = (struct receipt_command){
        .command = {.kind = &ledger_receipt_kind},
        .run_id = facts->run_id,
        .canonical = canonical,
    };
    memcpy(command->hash, hash, sizeof(command->hash));
    memcpy(command->signer, envelope->signer, sizeof(command->signer));
    memcpy(command->signature, envelope->signature, sizeof(command->signature));
    lucid_sha256(lucid_span(envelope->signer, sizeof(envelope->signer)), command->signer_hash);
    memcpy(command->entry, command->hash, 32);
    memcpy(command->entry + 32, command->signer_hash, 32);
    memcpy(command->entry + 64, command->signature, 64);
    command->payload_len = receipt_payload_encode(command->signer, facts, command->payload);
}

static uint64_t timestamp_max(const struct receipt_rules *rules)
{
    uint64_t max = UINT64_MAX;
    if (!lucid_add_u64(rules->now_ms / 1000, rules->future_seconds_max, &max)) {
        return UINT64_MAX;
    }
    return max;
}

enum lucid_error receipt_prepare(struct receipt_command *command, struct lucid_span text,
                                 const struct receipt_rules *rules, struct ledger_view *view,
                                 struct lucid_arena *arena, struct lucid_why *why)
{
    const struct jcs_value *root = NULL;
    struct envelope envelope = {.body = NULL};
    struct lucid_span canonical = {NULL, 0};
    struct receipt_facts facts;
    enum lucid_error error = envelope_parse(text, arena, &root, why);
    if (error == LUCID_OK) {
        error = envelope_body(root, &envelope, why);
    }
    if (error == LUCID_OK) {
        error = canonical_write(envelope.body, text.len, arena, &canonical, why);
    }
    if (error == LUCID_OK) {
        error = envelope_members(root, &envelope, why);
    }
    if (error == LUCID_OK) {
        error = receipt_body_check(envelope.body, timestamp_max(rules), &facts, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_sha256(canonical, hash);
    if (envelope.has_hash && memcmp(hash, envelope.hash, sizeof(hash)) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "HASH_MISMATCH", "receipt_hash",
                            "receipt_hash is not the SHA-256 of body's canonical form");
    }
    error = signature_check(&envelope, hash, view, why);
    if (error == LUCID_OK) {
        command_fill(command, &envelope, &facts, canonical, hash);
    }
    return error;
}

/* --- signing --- */

static enum lucid_error secret_read(const uint8_t secret[64], struct ledger_ed25519_key *ret,
                                    struct lucid_why *why)
{
    ledger_ed25519_key_init(secret, ret);
    if (memcmp(ret->public_key, secret + LEDGER_ED25519_SEED_BYTES, sizeof(ret->public_key)) != 0) {
        ledger_ed25519_key_wipe(ret);
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_KEY", NULL,
                            "the secret key's two halves do not belong together");
    }
    return LUCID_OK;
}

static enum lucid_error envelope_write(const struct jcs_value *body,
                                       const struct ledger_ed25519_key *key, struct lucid_buf *out,
                                       struct lucid_why *why)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    lucid_buf_char(out, '{');
    lucid_json_member(out, "body");
    size_t start = out->len;
    jcs_write(body, out);
    if (!lucid_buf_ok(out)) {
        return LUCID_RETRY_MEMORY;
    }
    struct lucid_span canonical = lucid_span(out->data + start, out->len - start);
    if (canonical.len > RECEIPT_BODY_BYTES_MAX) {
        return too_large(why, "body", "the canonical form of body is longer than 65535 bytes");
    }
    lucid_sha256(canonical, hash);
    lucid_json_member_hex(out, "receipt_hash", hash, sizeof(hash));
    if (key != NULL) {
        uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
        ledger_ed25519_sign(key, lucid_span(hash, sizeof(hash)), signature);
        lucid_json_member_hex(out, "receipt_signature", signature, sizeof(signature));
        lucid_json_member_hex(out, "signer_pubkey", key->public_key, sizeof(key->public_key));
    }
    lucid_buf_char(out, '}');
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error receipt_envelope_sign(const struct jcs_value *body, const uint8_t secret[64],
                                       struct lucid_buf *ret_envelope, struct lucid_why *why)
{
    if (jcs_type(body) != JCS_OBJECT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_RECEIPT", "body",
                            "body must be an object");
    }
    struct ledger_ed25519_key key = {.seed = {0}};
    if (secret != NULL) {
        enum lucid_error error = secret_read(secret, &key, why);
        if (error != LUCID_OK) {
            return error;
        }
    }
    size_t start = ret_envelope->len;
    enum lucid_error error = envelope_write(body, secret == NULL ? NULL : &key, ret_envelope, why);
    ledger_ed25519_key_wipe(&key);
    if (error != LUCID_OK) {
        ret_envelope->len = start;
    }
    return error;
}
