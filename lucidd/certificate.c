#include "lucidd/certificate.h"

#include "base/clock.h"
#include "lucidd/datadir.h"

#define PEM_BYTES_MAX ((size_t)64 * 1024)

static enum lucid_error files_use(const struct config *config, struct http_tls *tls, char *text,
                                  struct lucid_why *why)
{
    size_t certificate_len = 0;
    size_t key_len = 0;
    char *key = text + PEM_BYTES_MAX + 1;
    enum lucid_error error = datadir_file_read(config->tls_certificate, false, text, PEM_BYTES_MAX,
                                               &certificate_len, why);
    if (error == LUCID_OK) {
        error = datadir_file_read(config->tls_key, true, key, PEM_BYTES_MAX, &key_len, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    return http_tls_set(tls, lucid_span(text, certificate_len), lucid_span(key, key_len), why);
}

enum lucid_error certificate_load(const struct config *config, struct http_tls *tls,
                                  struct lucid_why *why)
{
    size_t len = 2 * (PEM_BYTES_MAX + 1);
    char *text = datadir_secret_new(len);
    if (text == NULL) {
        return lucid_refuse(why, LUCID_RETRY_MEMORY, "NO_MEMORY", NULL, "no memory for keys");
    }
    enum lucid_error error = files_use(config, tls, text, why);
    datadir_secret_free(text, len);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_clock clock = lucid_clock_system();
    if (http_tls_expires_s(tls) <= lucid_wall_ms(&clock) / 1000) {
        lucid_log(LUCID_LOG_WARN, "tls.expired", "the certificate in %.200s has expired",
                  config->tls_certificate);
    }
    return LUCID_OK;
}

void certificate_reload(const struct config *config, struct http_tls *tls)
{
    if (tls == NULL) {
        lucid_log(LUCID_LOG_INFO, "service.reload", "SIGHUP: there is no certificate to load");
        return;
    }
    struct lucid_why why = {.code = NULL};
    enum lucid_error error = certificate_load(config, tls, &why);
    if (error == LUCID_OK) {
        lucid_log(LUCID_LOG_INFO, "tls.reloaded", "new connections get the certificate in %.200s",
                  config->tls_certificate);
    } else {
        lucid_log(LUCID_LOG_ERROR, "tls.reload_failed", "the certificate before stays: %s",
                  why.text[0] != '\0' ? why.text : lucid_error_name(error));
    }
}
