/* The configuration of the plugin. */
#include <stdlib.h>

#include "plugins/kit/setting.h"
#include "plugins/verifier/module/module.h"

enum { FILE_BYTES_MAX = 256 * 1024 };

const struct lucid_plugin_setting verifier_settings[] = {
    {"allow_mock", LUCID_PLUGIN_BOOL, "false", 0, 0,
     "take mock evidence, which proves nothing; never above `warning`"},
    {"mock_roots", LUCID_PLUGIN_TEXT, "", 0, 0,
     "PEM file with the certificates that mock evidence may end in"},
    {"test_roots", LUCID_PLUGIN_TEXT, "", 0, 0,
     "PEM file with roots of made-up hardware; only on a test store"},
    {"document_keys", LUCID_PLUGIN_TEXT, "", 0, 0,
     "Ed25519 keys that may sign policies and reference sets: hex or base64, with commas"},
    {"default_policy", LUCID_PLUGIN_TEXT, "", 0, 0,
     "id (sha256:…) of the policy of whoever names none; empty: the built-in one"},
    {"challenge_seconds", LUCID_PLUGIN_UINT, "300", 30, 3600,
     "how long a challenge can be answered"},
    {"result_seconds", LUCID_PLUGIN_UINT, "3600", 60, 86400,
     "how long an attestation result is good; a policy may say less"},
    {"ear_spelling", LUCID_PLUGIN_TEXT, "draft04", 0, 0,
     "names in attestation results: draft04 or veraison, the older ones"},
    {"developer", LUCID_PLUGIN_TEXT, "", 0, 0,
     "who runs this verifier, in results; empty: the log's origin"},
    {.key = NULL},
};

static enum lucid_error invalid(const char *key, struct lucid_why *why, const char *text)
{
    return setting_refuse("verifier", key, why, text);
}

static const char *setting(const struct verifier *verifier, const char *key)
{
    return verifier->host->setting(verifier->host, key);
}

/* The file that a setting names; "" names none. */
static enum lucid_error file_read(const struct verifier *verifier, const char *key,
                                  struct lucid_span *ret, struct lucid_why *why)
{
    return setting_file_read(setting(verifier, key), FILE_BYTES_MAX, ret)
               ? LUCID_OK
               : invalid(key, why, "the file cannot be read, is empty or too large");
}

static enum lucid_error keys_read(struct verifier *verifier, struct lucid_why *why)
{
    static const char key[] = "document_keys";
    struct lucid_span rest = lucid_span_str(setting(verifier, key));
    while (rest.len > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.len);
        size_t len = comma != NULL ? (size_t)(comma - rest.data) : rest.len;
        struct lucid_span text = lucid_span_trim(lucid_span(rest.data, len));
        size_t skip = comma != NULL ? len + 1 : len;
        rest = lucid_span(rest.data + skip, rest.len - skip);
        if (verifier->document_key_count == VERIFIER_KEYS_MAX) {
            return invalid(key, why, "too many keys");
        }
        uint8_t *out = verifier->document_keys[verifier->document_key_count];
        size_t bytes = 0;
        if (!lucid_hex_decode(text, out, 32) &&
            (!lucid_base64_decode(text, out, 32, &bytes) || bytes != 32)) {
            return invalid(key, why, "each key must be 64 hex digits or base64 of 32 bytes");
        }
        verifier->document_key_count++;
    }
    return LUCID_OK;
}

static enum lucid_error choices_read(struct verifier *verifier, struct lucid_why *why)
{
    struct lucid_span policy = lucid_span_str(setting(verifier, "default_policy"));
    const char *spelling = setting(verifier, "ear_spelling");
    verifier->has_default_policy = policy.len > 0;
    if (policy.len > 0 &&
        ask_digest(policy, "default_policy", verifier->default_policy, NULL) != LUCID_OK) {
        return invalid("default_policy", why, "it must be sha256: and 64 hex digits, or empty");
    }
    if (strcmp(spelling, "draft04") != 0 && strcmp(spelling, "veraison") != 0) {
        return invalid("ear_spelling", why, "it must be draft04 or veraison");
    }
    verifier->spelling = strcmp(spelling, "veraison") == 0 ? EAR_VERAISON : EAR_DRAFT_04;
    const char *developer = setting(verifier, "developer");
    if (!setting_is_label(developer)) {
        return invalid("developer", why, "it must be UTF-8 text of at most 255 bytes");
    }
    verifier->developer = lucid_span_str(developer[0] != '\0' ? developer : verifier->host->origin);
    return LUCID_OK;
}

enum lucid_error verifier_settings_read(struct verifier *verifier, struct lucid_why *why)
{
    verifier->allow_mock = strcmp(setting(verifier, "allow_mock"), "true") == 0;
    verifier->challenge_s = strtoull(setting(verifier, "challenge_seconds"), NULL, 10);
    verifier->result_s = strtoull(setting(verifier, "result_seconds"), NULL, 10);
    if (setting(verifier, "test_roots")[0] != '\0' && !verifier->host->test &&
        !verifier->host->checking) {
        return invalid("test_roots", why,
                       "only a store made by `lucid log init --test` takes made-up hardware");
    }
    enum lucid_error error = choices_read(verifier, why);
    if (error == LUCID_OK) {
        error = keys_read(verifier, why);
    }
    if (error == LUCID_OK) {
        error = file_read(verifier, "mock_roots", &verifier->mock_roots, why);
    }
    if (error == LUCID_OK) {
        error = file_read(verifier, "test_roots", &verifier->test_roots, why);
    }
    return error;
}

void verifier_settings_free(struct verifier *verifier)
{
    setting_file_free(&verifier->mock_roots);
    setting_file_free(&verifier->test_roots);
}
