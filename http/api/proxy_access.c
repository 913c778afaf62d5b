/* What an upstream behind a proxy can check offline: the keys of service and plugins as a JWK Set
 * (RFC 7517, RFC 8037), and the access header, a JWS by that key that says what a request was
 * admitted for. */
#include "base/assert.h"
#include "base/base64url.h"
#include "http/api/proxy_internal.h"
#include "ledger/jws.h"
#include "plugins/host/record.h"

enum {
    KEYS_MAX = 1000, /* of plugins, looked at */
    /* How long what a replaced key has signed is still to be taken. */
    KEY_EXPIRY_S = 400 * 86400,
};

/* The members that make a key what it is, in the order of its thumbprint (RFC 7638). */
static void key_write(const uint8_t key[LEDGER_ED25519_PUBLIC_BYTES], struct lucid_buf *out)
{
    lucid_buf_str(out, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    lucid_base64url_write(out, lucid_span(key, LEDGER_ED25519_PUBLIC_BYTES));
    lucid_buf_char(out, '"');
}

/* "kid":"…": the thumbprint. False: memory. */
static bool key_id_write(const uint8_t key[LEDGER_ED25519_PUBLIC_BYTES], struct lucid_buf *out)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_buf text = {0};
    lucid_buf_char(&text, '{');
    key_write(key, &text);
    lucid_buf_char(&text, '}');
    bool ok = lucid_buf_ok(&text);
    lucid_sha256(lucid_buf_span(&text), hash);
    lucid_buf_fini(&text);
    lucid_buf_str(out, "\"kid\":\"");
    lucid_base64url_write(out, lucid_span(hash, sizeof(hash)));
    lucid_buf_char(out, '"');
    return ok && lucid_buf_ok(out);
}

/* One key of the set. Plugins' have times: nbf, and exp once they were replaced. */
static bool jwk_write(const uint8_t key[LEDGER_ED25519_PUBLIC_BYTES],
                      const struct plugin_key_row *row, struct lucid_buf *out)
{
    lucid_buf_str(out, "{\"alg\":\"EdDSA\",");
    key_write(key, out);
    if (row != NULL && row->until_ms != 0) {
        lucid_json_member_u64(out, "exp", row->until_ms / 1000 + KEY_EXPIRY_S);
    }
    lucid_buf_char(out, ',');
    bool ok = key_id_write(key, out);
    if (row != NULL) {
        lucid_json_member_u64(out, "nbf", row->since_ms / 1000);
    }
    lucid_buf_str(out, ",\"use\":\"sig\"}");
    return ok;
}

/* Whether the plugin has taken the same key up again later: it is listed once. */
static enum lucid_error key_is_newer_too(struct ledger_view *view, const struct plugin_key_row *row,
                                         bool *ret)
{
    struct plugin_key_row later = *row;
    bool found = false;
    enum lucid_error error = plugin_key_next(view, &later);
    while (error == LUCID_OK && !found && strcmp(later.plugin, row->plugin) == 0) {
        found = memcmp(later.key, row->key, sizeof(row->key)) == 0;
        error = plugin_key_next(view, &later);
    }
    *ret = found;
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

/* Since when the plugin has had the key of that row, whatever it used in between: what it signed
 * long ago is still good. */
static enum lucid_error key_since(struct ledger_view *view, const struct plugin_key_row *row,
                                  uint64_t *ret_ms)
{
    struct plugin_key_row first = *row;
    first.number = 0;
    enum lucid_error error = plugin_key_next(view, &first);
    while (error == LUCID_OK && memcmp(first.key, row->key, sizeof(row->key)) != 0) {
        error = plugin_key_next(view, &first); /* comes to the row itself at the latest */
    }
    if (error == LUCID_OK) {
        *ret_ms = first.since_ms;
    }
    return error;
}

static enum lucid_error plugin_keys_write(struct ledger_view *view, struct lucid_buf *out)
{
    struct plugin_key_row row = {.number = 0};
    enum lucid_error error = plugin_key_next(view, &row);
    for (unsigned i = 0; error == LUCID_OK && i < KEYS_MAX; i++) {
        bool again = false;
        error = key_is_newer_too(view, &row, &again);
        struct plugin_key_row listed = row;
        if (error == LUCID_OK && !again) {
            error = key_since(view, &row, &listed.since_ms);
        }
        if (error == LUCID_OK && !again) {
            lucid_buf_char(out, ',');
            error = jwk_write(row.key, &listed, out) ? LUCID_OK : LUCID_RETRY_MEMORY;
        }
        if (error == LUCID_OK) {
            error = plugin_key_next(view, &row);
        }
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
}

void api_jwks_get(struct http_request *request, const struct http_route *route)
{
    const struct ledger_ed25519_key *key = api_of_route(route)->options.service_key;
    struct lucid_buf out = {0};
    struct ledger_view *view = api_view_begin(request);
    if (view == NULL) {
        return;
    }
    lucid_buf_str(&out, "{\"keys\":[");
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (jwk_write(key->public_key, NULL, &out)) {
        error = plugin_keys_write(view, &out);
    }
    ledger_view_end(view);
    lucid_buf_str(&out, "]}");
    if (error != LUCID_OK) {
        lucid_buf_fini(&out);
        api_refuse(request, error, NULL);
        return;
    }
    api_answer_tagged(request, "application/jwk-set+json", &out, false);
}

/* --- the access header ------------------------------------------------------------------------ */

/* Whole seconds, up: what ends within one is not over at once. */
static uint64_t expiry_of(const struct proxy_access *access)
{
    uint64_t end_ms = access->now_ms + PROXY_ACCESS_SECONDS * 1000;
    if (access->until_ms != 0 && access->until_ms < end_ms) {
        end_ms = access->until_ms;
    }
    return (end_ms + 999) / 1000;
}

static void claims_write(const struct ledger_identity *identity, const struct proxy_access *access,
                         struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_str(out, "aud", access->asset);
    lucid_json_member_u64(out, "exp", expiry_of(access));
    if (access->grant[0] != '\0') {
        lucid_json_member_cstr(out, "grant", access->grant);
    }
    lucid_json_member_u64(out, "iat", access->now_ms / 1000);
    lucid_json_member_cstr(out, "iss", identity->origin);
    lucid_json_member_str(out, "jti", access->id);
    if (access->payer[0] != '\0') {
        lucid_json_member_cstr(out, "payer", access->payer);
    }
    if (access->payment[0] != '\0') {
        lucid_json_member_cstr(out, "payment", access->payment);
    }
    lucid_buf_char(out, '}');
}

bool proxy_access_write(const struct api *api, const struct proxy_access *access,
                        struct lucid_buf *out)
{
    const struct ledger_ed25519_key *key = api->options.service_key;
    const struct ledger_identity *identity;
    struct lucid_buf header = {0};
    struct lucid_buf claims = {0};
    bool known = ledger_identity(api->options.ledger, &identity);
    lucid_assert(known && (access->payment[0] == '\0') != (access->grant[0] == '\0'));
    lucid_buf_str(&header, "{\"alg\":\"EdDSA\",");
    bool ok = key_id_write(key->public_key, &header);
    lucid_buf_str(&header, ",\"typ\":\"lucid-access+jwt\"}");
    claims_write(identity, access, &claims);
    ok = ok && lucid_buf_ok(&header) && lucid_buf_ok(&claims);
    if (ok) {
        ledger_jws_write(lucid_buf_span(&header), lucid_buf_span(&claims), key, out);
    }
    lucid_buf_fini(&header);
    lucid_buf_fini(&claims);
    return ok && lucid_buf_ok(out);
}
