/* DSSE envelopes: https://github.com/secure-systems-lab/dsse, protocol and envelope of v1. */
#include "base/base64url.h"
#include "plugins/passport/slsa/slsa_internal.h"
#include "plugins/verifier/crypto/der.h"
#include "plugins/verifier/crypto/x509.h"
#include "plugins/verifier/field.h"

enum {
    TYPE_BYTES_MAX = 256,
    KEYID_BYTES_MAX = 1024,
    SIGNATURE_BYTES_MAX = 1024, /* RSA of others is read, and believed by nobody */
    P256_BYTES = 32,
    ED25519_SIGNATURE_BYTES = 64,
};

enum lucid_error slsa_refused(enum lucid_error error, struct lucid_why *why)
{
    if (why != NULL && lucid_category(error) == LUCID_CATEGORY_REFUSE) {
        why->code = "INVALID_PROVENANCE";
    }
    return error;
}

/* --- base64 ----------------------------------------------------------------------------------- */

/* How many characters there are before the padding; SIZE_MAX: wrong padding. */
static size_t digits_count(struct lucid_span text)
{
    size_t len = text.len;
    while (len > 0 && text.data[len - 1] == '=' && text.len - len < 3) {
        len--;
    }
    return len == text.len || (text.len % 4 == 0 && text.len - len < 3) ? len : SIZE_MAX;
}

enum lucid_error slsa_base64_read(struct lucid_span text, struct lucid_arena *arena,
                                  struct lucid_span *ret)
{
    size_t count = digits_count(text);
    if (count == SIZE_MAX) {
        return LUCID_REFUSE_INVALID;
    }
    uint8_t *digits = lucid_arena_alloc(arena, count + 1);
    uint8_t *bytes = lucid_arena_alloc(arena, count + 1);
    if (digits == NULL || bytes == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    bool standard = false;
    bool url_safe = false;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = text.data[i];
        standard = standard || byte == '+' || byte == '/';
        url_safe = url_safe || byte == '-' || byte == '_';
        digits[i] = byte == '+' ? '-' : byte == '/' ? '_' : byte;
    }
    size_t len;
    if ((standard && url_safe) ||
        !lucid_base64url_read(lucid_span(digits, count), bytes, count, &len)) {
        return LUCID_REFUSE_INVALID;
    }
    *ret = lucid_span(bytes, len);
    return LUCID_OK;
}

static bool base64_field(const struct field *at, size_t min, size_t max, struct lucid_span *ret)
{
    struct lucid_span text = {.data = NULL};
    struct lucid_span bytes;
    if (!field_required(at) || !field_text(at, 0, SLSA_ENVELOPE_BYTES_MAX, &text)) {
        return false;
    }
    enum lucid_error e = slsa_base64_read(text, at->reading->arena, &bytes);
    if (e == LUCID_RETRY_MEMORY) {
        at->reading->error = e;
        return false;
    }
    if (e != LUCID_OK || bytes.len < min || bytes.len > max) {
        return field_refuse(at, "must be %zu to %zu bytes in base64", min, max);
    }
    *ret = bytes;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void signatures_read(const struct field *list, struct slsa_envelope *ret)
{
    struct field item = field_walk(list);
    while (field_next(list, &item)) {
        struct field keyid = field_member(&item, "keyid");
        struct field sig = field_member(&item, "sig");
        size_t at = ret->signature_count++;
        field_object(&item, NULL);
        field_text(&keyid, 0, KEYID_BYTES_MAX, &ret->signatures[at].keyid);
        base64_field(&sig, 1, SIGNATURE_BYTES_MAX, &ret->signatures[at].sig);
    }
}

enum lucid_error slsa_envelope_read(struct lucid_span text, struct lucid_arena *arena,
                                    struct slsa_envelope *ret, struct lucid_why *why)
{
    struct field_reading reading = {.code = "INVALID_PROVENANCE", .arena = arena, .why = why};
    struct field document;
    enum lucid_error e =
        field_parse(&reading, text, SLSA_ENVELOPE_BYTES_MAX, SLSA_DEPTH_MAX, &document);
    if (e != LUCID_OK) {
        return slsa_refused(e, why);
    }
    struct slsa_envelope envelope = {.signature_count = 0};
    struct field inner = field_member(&document, "dsseEnvelope");
    const struct field *place = inner.value == NULL ? &document : &inner;
    if (inner.value != NULL && jcs_member(document.value, "payload") != NULL) {
        field_refuse(&inner, "an envelope and a bundle of one cannot be the same document");
    }
    field_object(place, NULL);
    struct field type = field_member(place, "payloadType");
    struct field payload = field_member(place, "payload");
    struct field signatures = field_member(place, "signatures");
    field_required(&type);
    field_text(&type, 1, TYPE_BYTES_MAX, &envelope.payload_type);
    base64_field(&payload, 0, SLSA_ENVELOPE_BYTES_MAX, &envelope.payload);
    field_required(&signatures);
    if (field_array(&signatures, 1, SLSA_SIGNATURES_MAX)) {
        signatures_read(&signatures, &envelope);
    }
    if (reading.error == LUCID_OK) {
        *ret = envelope;
    }
    return reading.error;
}

/* --- signatures ------------------------------------------------------------------------------- */

void slsa_pae_write(struct lucid_span type, struct lucid_span body, struct lucid_buf *out)
{
    lucid_buf_str(out, "DSSEv1 ");
    lucid_buf_u64(out, type.len);
    lucid_buf_char(out, ' ');
    lucid_buf_span_put(out, type);
    lucid_buf_char(out, ' ');
    lucid_buf_u64(out, body.len);
    lucid_buf_char(out, ' ');
    lucid_buf_span_put(out, body);
}

/* An INTEGER of at most 32 bytes, not negative, in its shortest form, as 32 bytes. */
static bool number_read(struct lucid_span *at, uint8_t ret[P256_BYTES])
{
    struct lucid_span value;
    if (!der_take(at, DER_INTEGER, &value) || value.len == 0 || value.data[0] >= 0x80) {
        return false;
    }
    if (value.data[0] == 0 && value.len > 1) {
        if (value.data[1] < 0x80) {
            return false;
        }
        value = lucid_span(value.data + 1, value.len - 1);
    }
    if (value.len > P256_BYTES) {
        return false;
    }
    memset(ret, 0, P256_BYTES);
    memcpy(ret + P256_BYTES - value.len, value.data, value.len);
    return true;
}

/* Ecdsa-Sig-Value (RFC 3279 2.2.3) as r ‖ s. */
static bool signature_raw(struct lucid_span der, uint8_t ret[2 * P256_BYTES])
{
    struct lucid_span numbers;
    return der_only(der, DER_SEQUENCE, &numbers) && number_read(&numbers, ret) &&
           number_read(&numbers, ret + P256_BYTES) && numbers.len == 0;
}

static bool es256_verify(const struct jose_key *key, struct lucid_span pae, struct lucid_span sig)
{
    uint8_t point[2 * P256_BYTES];
    uint8_t raw[2 * P256_BYTES];
    memcpy(point, key->x, P256_BYTES);
    memcpy(point + P256_BYTES, key->y, P256_BYTES);
    struct lucid_span by = lucid_span(point, sizeof(point));
    /* 64 bytes are r ‖ s all but always; they can be a short DER form too. */
    if (sig.len == sizeof(raw) &&
        x509_point_ecdsa_verify(by, X509_P256, X509_SHA256, pae, sig, false) == X509_IS_OK) {
        return true;
    }
    return signature_raw(sig, raw) &&
           x509_point_ecdsa_verify(by, X509_P256, X509_SHA256, pae, lucid_span(raw, sizeof(raw)),
                                   false) == X509_IS_OK;
}

bool slsa_envelope_signed(const struct slsa_envelope *envelope, struct lucid_span pae,
                          const struct jose_key *key, jose_ed25519_fn *ed25519, void *context)
{
    for (size_t i = 0; i < envelope->signature_count; i++) {
        struct lucid_span sig = envelope->signatures[i].sig;
        bool good = false;
        switch (key->alg) {
        case JOSE_ES256:
            good = es256_verify(key, pae, sig);
            break;
        case JOSE_EDDSA:
            good = ed25519 != NULL && sig.len == ED25519_SIGNATURE_BYTES &&
                   ed25519(key->x, pae, sig.data, context);
            break;
        case JOSE_ES384: /* not of a builder: slsa_key_read */
            break;
        }
        if (good) {
            return true;
        }
    }
    return false;
}
