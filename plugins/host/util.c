/* What a plugin may ask of its host anywhere: a log line, randomness, hashes, signatures, text. */
#include "base/assert.h"
#include "base/log.h"
#include "ledger/payload.h"
#include "plugins/host/kind_internal.h"

#define ENTRY_PREFIX  "lucid/entry/v1\n"
#define SECRET_PREFIX "lucid/plugin-secret/v1\n"

enum { EVENT_BYTES_MAX = 48, TEXT_BYTES_MAX = 256 };

static const struct plugin *plugin_of(const struct lucid_plugin_host *host)
{
    return lucid_owner_const(host, struct plugin, host);
}

/* --- log -------------------------------------------------------------------------------------- */

static enum lucid_log_level level_of(enum lucid_plugin_log_level level)
{
    switch (level) {
    case LUCID_PLUGIN_LOG_ERROR:
        return LUCID_LOG_ERROR;
    case LUCID_PLUGIN_LOG_WARN:
        return LUCID_LOG_WARN;
    case LUCID_PLUGIN_LOG_INFO:
        return LUCID_LOG_INFO;
    case LUCID_PLUGIN_LOG_DEBUG:
        break;
    }
    return LUCID_LOG_DEBUG;
}

/* Printable ASCII, cut to fit: a line must not be able to look like two. */
static void text_clean(const char *text, char *out, size_t size)
{
    size_t len = 0;
    for (; text != NULL && text[len] != '\0' && len + 1 < size; len++) {
        out[len] = text[len] < 0x20 || text[len] > 0x7e ? '?' : text[len];
    }
    out[len] = '\0';
}

static void host_log(const struct lucid_plugin_host *host, enum lucid_plugin_log_level level,
                     const char *event, const char *text)
{
    char name[EVENT_BYTES_MAX + 1];
    char line[TEXT_BYTES_MAX + 1];
    if (!plugin_util_step(NULL)) {
        return;
    }
    text_clean(event, name, sizeof(name));
    text_clean(text, line, sizeof(line));
    lucid_log(level_of(level), name, "%s: %s", plugin_of(host)->module->name, line);
}

static void text_mend(char *text, size_t size)
{
    text[size - 1] = '\0';
    if (text[0] == '\0' || payload_name_ok(text, size)) {
        return;
    }
    for (char *at = text; *at != '\0'; at++) {
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
}

void plugin_why_mend(struct lucid_plugin_why *why)
{
    text_mend(why->param, sizeof(why->param));
    text_mend(why->text, sizeof(why->text));
}

/* --- hashes and signatures -------------------------------------------------------------------- */

static void host_random(const struct lucid_plugin_host *host, void *ret, size_t len)
{
    (void)host;
    if (plugin_util_step("randomness in a verb of the writer")) {
        lucid_random(ret, len);
    } else {
        memset(ret, 0, len);
    }
}

static void host_sha256(const struct lucid_plugin_host *host,
                        const struct lucid_plugin_bytes *parts, size_t count,
                        uint8_t ret[LUCID_PLUGIN_HASH_BYTES])
{
    (void)host;
    _Static_assert(sizeof(struct lucid_span) == sizeof(struct lucid_plugin_bytes) &&
                       offsetof(struct lucid_span, data) ==
                           offsetof(struct lucid_plugin_bytes, data) &&
                       offsetof(struct lucid_span, len) == offsetof(struct lucid_plugin_bytes, len),
                   "a list of the one is a list of the other");
    (void)plugin_util_step(NULL);
    lucid_sha256_parts((const struct lucid_span *)(const void *)parts, count, ret);
}

static bool host_verify(const struct lucid_plugin_host *host,
                        const uint8_t key[LUCID_PLUGIN_KEY_BYTES],
                        struct lucid_plugin_bytes message,
                        const uint8_t signature[LUCID_PLUGIN_SIGNATURE_BYTES])
{
    (void)host;
    (void)plugin_util_step(NULL);
    return ledger_ed25519_verify(key, plugin_span(message), signature);
}

/* The plugin's key where it may sign; NULL where not. Offline programs open no plugin. */
static const struct ledger_ed25519_key *signing_key(const struct lucid_plugin_host *host)
{
    return plugin_util_step("a signature or secret in a verb of the writer") ? plugin_of(host)->key
                                                                             : NULL;
}

static void host_sign(const struct lucid_plugin_host *host, struct lucid_plugin_bytes message,
                      uint8_t ret[LUCID_PLUGIN_SIGNATURE_BYTES])
{
    const struct ledger_ed25519_key *key = signing_key(host);
    memset(ret, 0, LUCID_PLUGIN_SIGNATURE_BYTES);
    if (key != NULL) {
        ledger_ed25519_sign(key, plugin_span(message), ret);
    }
}

static void host_secret(const struct lucid_plugin_host *host, const char *label,
                        uint8_t ret[LUCID_PLUGIN_HASH_BYTES])
{
    if (signing_key(host) == NULL) {
        lucid_random(ret, LUCID_PLUGIN_HASH_BYTES); /* nothing that could be guessed */
        return;
    }
    const struct plugin *plugin = plugin_of(host);
    const struct lucid_span parts[] = {lucid_span_str(SECRET_PREFIX), lucid_span_str(label)};
    lucid_hmac_sha256_parts(lucid_span(plugin->secret_key, sizeof(plugin->secret_key)), parts, 2,
                            ret);
}

static void host_entry(const struct lucid_plugin_host *host, struct lucid_plugin_bytes record,
                       uint8_t ret[LUCID_PLUGIN_ENTRY_BYTES])
{
    enum { PREFIX_BYTES = sizeof(ENTRY_PREFIX) - 1 };
    _Static_assert(LUCID_PLUGIN_ENTRY_BYTES == STORE_ENTRY_BYTES, "an entry is an entry");
    const struct ledger_ed25519_key *key = signing_key(host);
    uint8_t message[PREFIX_BYTES + LUCID_SHA256_BYTES];
    memset(ret, 0, LUCID_PLUGIN_ENTRY_BYTES);
    if (key == NULL) {
        return;
    }
    memcpy(message, ENTRY_PREFIX, PREFIX_BYTES);
    lucid_sha256(plugin_span(record), message + PREFIX_BYTES);
    memcpy(ret, message + PREFIX_BYTES, LUCID_SHA256_BYTES);
    lucid_sha256(lucid_span(key->public_key, sizeof(key->public_key)), ret + LUCID_SHA256_BYTES);
    ledger_ed25519_sign(key, lucid_span(message, sizeof(message)), ret + 2 * LUCID_SHA256_BYTES);
}

/* --- text ------------------------------------------------------------------------------------- */

static void out_put(struct lucid_plugin_out *out, const void *data, size_t len)
{
    if (out->left != NULL && len > *out->left) {
        out->buf.failed = true;
        return;
    }
    if (out->left != NULL) {
        *out->left -= len;
    }
    lucid_buf_put(&out->buf, data, len);
}

static struct lucid_plugin_bytes out_bytes(const struct lucid_plugin_out *out)
{
    struct lucid_plugin_bytes none = {NULL, 0};
    if (!lucid_buf_ok(&out->buf)) {
        return none;
    }
    struct lucid_span span = lucid_buf_span(&out->buf);
    return span.data == NULL ? plugin_bytes(lucid_span("", 0)) : plugin_bytes(span);
}

void plugin_host_init(struct plugin *plugin, struct lucid_plugin_host *host)
{
    lucid_assert(host == &plugin->host); /* how its functions find the plugin */
    host->abi = LUCID_PLUGIN_ABI;
    host->bytes = sizeof(*host);
    host->log = host_log;
    host->random = host_random;
    host->sha256 = host_sha256;
    host->verify = host_verify;
    host->sign = host_sign;
    host->secret = host_secret;
    host->entry = host_entry;
    host->out_put = out_put;
    host->out_bytes = out_bytes;
    plugin_host_txn_init(host);
    plugin_host_view_init(host);
}
