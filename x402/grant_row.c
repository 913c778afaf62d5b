/* Grants: rows, keys and queries. */
#include "base/assert.h"
#include "ledger/row.h"
#include "x402/grant_internal.h"
#include "x402/row_walk.h"

/* --- keys ------------------------------------------------------------------------------------- */

struct lucid_span grant_key_sequence(uint64_t sequence, uint8_t key[GRANT_KEY_BYTES_MAX])
{
    key[0] = GRANT_BY_SEQUENCE;
    lucid_put_be64(key + 1, sequence);
    return lucid_span(key, 9);
}

struct lucid_span grant_key_asset(struct lucid_span asset, uint64_t sequence,
                                  uint8_t key[GRANT_KEY_BYTES_MAX])
{
    lucid_assert(asset.len > 0 && asset.len <= GAS_NAME_BYTES_MAX);
    key[0] = GRANT_BY_ASSET;
    memcpy(key + 1, asset.data, asset.len);
    key[1 + asset.len] = 0;
    lucid_put_be64(key + 2 + asset.len, sequence);
    return lucid_span(key, asset.len + 10);
}

struct lucid_span grant_key_end(const struct x402_grant *grant, uint8_t key[GRANT_KEY_BYTES_MAX])
{
    key[0] = GRANT_BY_END;
    lucid_put_be64(key + 1, grant->expires_ms);
    memcpy(key + 9, grant->id, sizeof(grant->id));
    return lucid_span(key, 9 + sizeof(grant->id));
}

struct lucid_span grant_key_payment(const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                    uint8_t key[GRANT_KEY_BYTES_MAX])
{
    key[0] = GRANT_BY_PAYMENT;
    memcpy(key + 1, payment, X402_PAYMENT_ID_BYTES);
    return lucid_span(key, 1 + X402_PAYMENT_ID_BYTES);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void walk_grant(struct row_walk *walk, struct x402_grant *grant)
{
    uint8_t paid = grant->paid ? 1 : 0;
    row_walk_bytes(walk, grant->id, sizeof(grant->id));
    row_walk_u64(walk, &grant->sequence);
    row_walk_u64(walk, &grant->issued_ms);
    row_walk_u64(walk, &grant->starts_ms);
    row_walk_u64(walk, &grant->expires_ms);
    row_walk_u64(walk, &grant->hours);
    row_walk_u64(walk, &grant->purchases);
    row_walk_bytes(walk, grant->secret_sha256, sizeof(grant->secret_sha256));
    row_walk_bytes(walk, &paid, 1);
    walk->ok = walk->ok && paid <= 1;
    grant->paid = paid == 1;
    row_walk_bytes(walk, grant->payment, sizeof(grant->payment));
    row_walk_u64(walk, &grant->price_version);
    row_walk_u64(walk, &grant->unpaid);
    row_walk_u64(walk, &grant->revoked_sequence);
    row_walk_u64(walk, &grant->revoked_ms);
    row_walk_text(walk, grant->asset, sizeof(grant->asset));
    row_walk_text(walk, grant->note, sizeof(grant->note));
    row_walk_text(walk, grant->reason, sizeof(grant->reason));
}

struct lucid_span grant_row_write(const struct x402_grant *grant, uint8_t row[GRANT_ROW_BYTES_MAX])
{
    struct x402_grant copy = *grant;
    struct row_walk walk = {.ok = true, .to = row, .left = GRANT_ROW_BYTES_MAX};
    walk_grant(&walk, &copy);
    lucid_assert(walk.ok);
    return lucid_span(row, (size_t)(walk.to - row));
}

enum lucid_error grant_row_read(struct lucid_span row, struct x402_grant *ret)
{
    struct x402_grant grant = {.sequence = 0};
    struct row_walk walk = {.reading = true, .ok = true, .from = row.data, .left = row.len};
    walk_grant(&walk, &grant);
    if (!walk.ok || walk.left > 0) {
        return LUCID_FATAL_CORRUPT;
    }
    *ret = grant;
    return LUCID_OK;
}

/* --- what a grant is -------------------------------------------------------------------------- */

enum x402_grant_status x402_grant_status(const struct x402_grant *grant, uint64_t now_ms)
{
    if (grant->revoked_sequence != 0) {
        return X402_GRANT_REVOKED;
    }
    if (grant->unpaid > 0) {
        return X402_GRANT_UNPAID;
    }
    return now_ms < grant->expires_ms ? X402_GRANT_ACTIVE : X402_GRANT_EXPIRED;
}

const char *x402_grant_status_name(enum x402_grant_status status)
{
    static const char *const names[] = {
        [X402_GRANT_ACTIVE] = "active",
        [X402_GRANT_EXPIRED] = "expired",
        [X402_GRANT_UNPAID] = "unpaid",
        [X402_GRANT_REVOKED] = "revoked",
    };
    lucid_assert((unsigned)status < sizeof(names) / sizeof(names[0]));
    return names[status];
}

void x402_grant_id(struct lucid_span asset, const uint8_t secret_sha256[LUCID_SHA256_BYTES],
                   uint8_t ret[X402_GRANT_ID_BYTES])
{
    static const char prefix[] = "lucid/grant/v1\n";
    uint8_t text[sizeof(prefix) - 1 + GAS_NAME_BYTES_MAX + 1 + LUCID_SHA256_BYTES];
    uint8_t digest[LUCID_SHA256_BYTES];
    size_t len = sizeof(prefix) - 1;
    lucid_assert(asset.len <= GAS_NAME_BYTES_MAX);
    memcpy(text, prefix, len);
    memcpy(text + len, asset.data, asset.len);
    len += asset.len;
    text[len++] = 0;
    memcpy(text + len, secret_sha256, LUCID_SHA256_BYTES);
    lucid_sha256(lucid_span(text, len + LUCID_SHA256_BYTES), digest);
    memcpy(ret, digest, X402_GRANT_ID_BYTES);
}

bool x402_grant_id_parse(struct lucid_span text, uint8_t ret[X402_GRANT_ID_BYTES])
{
    uint8_t id[X402_GRANT_ID_BYTES];
    if (text.len != 2 * sizeof(id) || !lucid_hex_decode(text, id, sizeof(id))) {
        return false;
    }
    memcpy(ret, id, sizeof(id));
    return true;
}

/* --- queries ---------------------------------------------------------------------------------- */

static enum lucid_error order_seek(struct ledger_view *view, struct lucid_span after,
                                   struct lucid_span *ret_key, struct lucid_span *ret_value)
{
    return row_seek(ledger_view_store(view), ledger_view_table(view, &x402_grant_kind, GRANT_ORDER),
                    STORE_SEEK_GT, after, ret_key, ret_value);
}

enum lucid_error x402_grant_read(struct ledger_view *view, const uint8_t id[X402_GRANT_ID_BYTES],
                                 struct x402_grant *ret)
{
    struct lucid_span value;
    enum lucid_error error =
        row_get(ledger_view_store(view), ledger_view_table(view, &x402_grant_kind, GRANT_ROWS),
                lucid_span(id, X402_GRANT_ID_BYTES), &value);
    return error == LUCID_OK ? grant_row_read(value, ret) : error;
}

enum lucid_error x402_grant_next(struct ledger_view *view, struct lucid_span asset,
                                 uint64_t after_sequence, struct x402_grant *ret)
{
    uint8_t bytes[GRANT_KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    if (asset.len > 0 && !gas_name_ok(asset, GAS_NAME_BYTES_MAX)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span after = asset.len > 0 ? grant_key_asset(asset, after_sequence, bytes)
                                            : grant_key_sequence(after_sequence, bytes);
    enum lucid_error error = order_seek(view, after, &key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (key.len != after.len || memcmp(key.data, after.data, after.len - 8) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    if (value.len != X402_GRANT_ID_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    error = x402_grant_read(view, value.data, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error x402_grant_count(struct ledger_view *view, uint64_t now_ms, uint64_t max,
                                  uint64_t *ret)
{
    uint8_t bytes[GRANT_KEY_BYTES_MAX];
    struct x402_grant from = {.expires_ms = now_ms};
    struct lucid_span key;
    struct lucid_span value;
    uint64_t count = 0;
    memset(from.id, 0xff, sizeof(from.id)); /* after all that end at this very moment */
    struct lucid_span after = grant_key_end(&from, bytes);
    enum lucid_error error = LUCID_OK;
    while (count < max) {
        error = order_seek(view, after, &key, &value);
        if (error != LUCID_OK || key.len != after.len || key.data[0] != GRANT_BY_END) {
            break;
        }
        memcpy(bytes, key.data, key.len);
        count++;
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    *ret = count;
    return LUCID_OK;
}

/* --- a header --------------------------------------------------------------------------------- */

static enum lucid_error not_admitted(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL, "%s", text);
}

enum lucid_error x402_grant_known(struct ledger_view *view, struct lucid_span value,
                                  struct x402_grant *ret, struct lucid_why *why)
{
    uint8_t id[X402_GRANT_ID_BYTES];
    uint8_t secret[X402_GRANT_SECRET_HEX / 2];
    uint8_t digest[LUCID_SHA256_BYTES];
    struct x402_grant grant = {.sequence = 0};
    size_t dot = (size_t)2 * X402_GRANT_ID_BYTES;
    bool form = value.len == X402_GRANT_VALUE_BYTES && value.data[dot] == '.' &&
                x402_grant_id_parse(lucid_span(value.data, dot), id) &&
                lucid_hex_decode(lucid_span(value.data + dot + 1, X402_GRANT_SECRET_HEX), secret,
                                 sizeof(secret));
    lucid_wipe(secret, sizeof(secret));
    if (!form) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "GRANT_MALFORMED", X402_GRANT_HEADER,
                            "an access grant is shown as 32 hex digits, a dot and 64 hex digits");
    }
    enum lucid_error error = x402_grant_read(view, id, &grant);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    lucid_sha256(lucid_span(value.data + dot + 1, X402_GRANT_SECRET_HEX), digest);
    bool same = lucid_secret_equal(digest, grant.secret_sha256, sizeof(digest));
    if (error == LUCID_NOTE_ABSENT || !same) {
        return not_admitted(why, "there is no such access grant with this secret");
    }
    *ret = grant;
    return LUCID_OK;
}

enum lucid_error x402_grant_check(struct ledger_view *view, struct lucid_span value,
                                  struct lucid_span asset, uint64_t now_ms, struct x402_grant *ret,
                                  struct lucid_why *why)
{
    struct x402_grant grant;
    enum lucid_error error = x402_grant_known(view, value, &grant, why);
    if (error != LUCID_OK) {
        return error;
    }
    if (!lucid_span_is(asset, grant.asset)) {
        return not_admitted(why, "the access grant is for another asset");
    }
    switch (x402_grant_status(&grant, now_ms)) {
    case X402_GRANT_ACTIVE:
        *ret = grant;
        return LUCID_OK;
    case X402_GRANT_EXPIRED:
        return not_admitted(why, "the access grant has expired");
    case X402_GRANT_UNPAID:
        return not_admitted(why, "a payment of the access grant was lost in a reorganisation");
    case X402_GRANT_REVOKED:
        break;
    }
    return not_admitted(why, "the access grant was revoked");
}
