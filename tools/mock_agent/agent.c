#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jcs/jws.h"
#include "lucidd/datadir.h"
#include "tools/mock_agent/keys_internal.h"
#include "tools/mock_agent/mock_agent.h"

#define ROOT_NAME "Lucid mock root (not hardware)"
#define AK_NAME   "Lucid mock attestation key (not hardware)"

enum { PATH_BYTES = MOCK_AGENT_PATH_BYTES_MAX + 16 };

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

struct mock_agent {
    struct pair root;
    struct pair ak;
    struct lucid_buf root_pem;
    struct lucid_buf x5c; /* `,"x5c":["…","…"]}` */
};

static enum lucid_error no_memory(struct lucid_why *why)
{
    return lucid_refuse(why, LUCID_RETRY_MEMORY, NULL, NULL, "out of memory");
}

/* --- files ------------------------------------------------------------------------------------ */

static void path_of(const char *dir, const char *name, const char *end, char ret[PATH_BYTES])
{
    (void)snprintf(ret, PATH_BYTES, "%s/%s.%s", dir, name, end);
}

static enum lucid_error pair_write(const char *dir, const char *name, const struct pair *pair,
                                   struct lucid_why *why)
{
    char path[PATH_BYTES];
    struct lucid_buf key = {0};
    struct lucid_buf certificate = {0};
    enum lucid_error e = LUCID_OK;
    if (!keys_key_pem(pair->key, &key) || !keys_certificate_pem(pair->certificate, &certificate)) {
        e = no_memory(why);
    }
    /* The key first: a certificate alone would say that there is one. */
    path_of(dir, name, "key", path);
    if (e == LUCID_OK) {
        e = datadir_file_write(path, 0600, lucid_buf_span(&key), why);
    }
    path_of(dir, name, "pem", path);
    if (e == LUCID_OK) {
        e = datadir_file_write(path, 0644, lucid_buf_span(&certificate), why);
    }
    lucid_wipe(key.data, key.len);
    lucid_buf_fini(&key);
    lucid_buf_fini(&certificate);
    return e;
}

/* A new pair; issuer NULL: a root. What is written is what is used. */
static enum lucid_error pair_make(const char *dir, const char *name, const char *common,
                                  const struct pair *issuer, uint64_t now_s, struct pair *ret,
                                  struct lucid_why *why)
{
    ret->key = keys_make();
    if (ret->key != NULL) {
        ret->certificate =
            keys_certify(common, ret->key, issuer == NULL ? NULL : issuer->certificate,
                         issuer == NULL ? NULL : issuer->key, now_s);
    }
    return ret->certificate == NULL ? no_memory(why) : pair_write(dir, name, ret, why);
}

static enum lucid_error pair_read(const char *dir, const char *name, struct pair *ret,
                                  struct lucid_why *why)
{
    char path[PATH_BYTES];
    char *text = datadir_secret_new(DATADIR_FILE_BYTES_MAX + 1);
    size_t len = 0;
    if (text == NULL) {
        return no_memory(why);
    }
    path_of(dir, name, "key", path);
    enum lucid_error e = datadir_file_read(path, true, text, DATADIR_FILE_BYTES_MAX, &len, why);
    if (e == LUCID_OK) {
        ret->key = keys_key_read(lucid_span(text, len));
        path_of(dir, name, "pem", path);
        e = datadir_file_read(path, false, text, DATADIR_FILE_BYTES_MAX, &len, why);
    }
    if (e == LUCID_OK) {
        ret->certificate = keys_certificate_read(lucid_span(text, len));
    }
    datadir_secret_free(text, DATADIR_FILE_BYTES_MAX + 1);
    if (e == LUCID_OK &&
        (ret->key == NULL || ret->certificate == NULL || !keys_is_p256(ret->key))) {
        e = lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "key-dir",
                         "%s.key and %s.pem are not a P-256 key and a certificate", name, name);
    }
    if (e == LUCID_OK && X509_check_private_key(ret->certificate, ret->key) != 1) {
        e = lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "key-dir",
                         "%s.pem is not of the key in %s.key", name, name);
    }
    return e;
}

static enum lucid_error pair_open(const char *dir, const char *name, const char *common,
                                  const struct pair *issuer, uint64_t now_s, struct pair *ret,
                                  struct lucid_why *why)
{
    char key[PATH_BYTES];
    char certificate[PATH_BYTES];
    path_of(dir, name, "key", key);
    path_of(dir, name, "pem", certificate);
    bool has_key = access(key, F_OK) == 0;
    bool has_certificate = access(certificate, F_OK) == 0;
    if (has_key != has_certificate) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "key-dir",
                            "of %s.key and %s.pem one is missing: put it back, or remove both",
                            name, name);
    }
    return has_key ? pair_read(dir, name, ret, why)
                   : pair_make(dir, name, common, issuer, now_s, ret, why);
}

/* --- agent ------------------------------------------------------------------------------------ */

static bool forms_make(struct mock_agent *agent)
{
    lucid_buf_str(&agent->x5c, ",\"x5c\":[\"");
    bool ok = keys_certificate_base64(agent->ak.certificate, &agent->x5c);
    lucid_buf_str(&agent->x5c, "\",\"");
    ok = ok && keys_certificate_base64(agent->root.certificate, &agent->x5c);
    lucid_buf_str(&agent->x5c, "\"]}");
    return ok && lucid_buf_ok(&agent->x5c) &&
           keys_certificate_pem(agent->root.certificate, &agent->root_pem);
}

static enum lucid_error agent_fill(const char *dir, uint64_t now_s, struct mock_agent *agent,
                                   struct lucid_why *why)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, "key-dir", "%s: %s", dir, strerror(errno));
    }
    enum lucid_error e = pair_open(dir, "root", ROOT_NAME, NULL, now_s, &agent->root, why);
    if (e == LUCID_OK) {
        e = pair_open(dir, "ak", AK_NAME, &agent->root, now_s, &agent->ak, why);
    }
    if (e == LUCID_OK &&
        X509_verify(agent->ak.certificate, X509_get0_pubkey(agent->root.certificate)) != 1) {
        e = lucid_refuse(why, LUCID_REFUSE_CONFLICT, NULL, "key-dir",
                         "ak.pem is not signed by the root in root.pem");
    }
    if (e == LUCID_OK && !forms_make(agent)) {
        e = no_memory(why);
    }
    return e;
}

enum lucid_error mock_agent_open(const char *dir, uint64_t now_s, struct mock_agent **ret,
                                 struct lucid_why *why)
{
    if (dir[0] == '\0' || strlen(dir) > MOCK_AGENT_PATH_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "key-dir",
                            "the path of the keys is empty or too long");
    }
    struct mock_agent *agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        return no_memory(why);
    }
    enum lucid_error e = agent_fill(dir, now_s, agent, why);
    if (e != LUCID_OK) {
        mock_agent_close(agent);
        return e;
    }
    *ret = agent;
    return LUCID_OK;
}

void mock_agent_close(struct mock_agent *agent)
{
    if (agent == NULL) {
        return;
    }
    EVP_PKEY_free(agent->root.key);
    X509_free(agent->root.certificate);
    EVP_PKEY_free(agent->ak.key);
    X509_free(agent->ak.certificate);
    lucid_buf_fini(&agent->root_pem);
    lucid_buf_fini(&agent->x5c);
    free(agent);
}

enum lucid_error mock_agent_sign(const struct mock_agent *agent, const char *header,
                                 struct lucid_span payload, struct lucid_buf *out)
{
    struct lucid_buf head = {0};
    uint8_t signature[KEYS_SIGNATURE_BYTES];
    lucid_buf_put(&head, header, strlen(header) - 1); /* its brace is x5c's */
    lucid_buf_span_put(&head, lucid_buf_span(&agent->x5c));
    struct lucid_span input = {0};
    if (lucid_buf_ok(&head)) {
        input = jcs_jws_input_write(lucid_buf_span(&head), payload, out);
    }
    lucid_buf_fini(&head);
    if (input.data == NULL || !keys_sign(agent->ak.key, input, signature)) {
        return LUCID_RETRY_MEMORY;
    }
    jcs_jws_signature_write(lucid_span(signature, sizeof(signature)), out);
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error mock_agent_quote(const struct mock_agent *agent, const struct mock_quote *quote,
                                  struct lucid_buf *out)
{
    struct lucid_buf payload = {0};
    mock_quote_write(quote, &payload);
    enum lucid_error e =
        lucid_buf_ok(&payload)
            ? mock_agent_sign(agent, "{\"alg\":\"ES256\",\"typ\":\"" MOCK_QUOTE_TYP "\"}",
                              lucid_buf_span(&payload), out)
            : LUCID_RETRY_MEMORY;
    lucid_buf_fini(&payload);
    return e;
}

enum lucid_error mock_agent_crl(const struct mock_agent *agent, bool revoked, uint64_t now_s,
                                struct lucid_buf *out)
{
    return keys_crl_write(agent->root.certificate, agent->root.key,
                          revoked ? agent->ak.certificate : NULL, now_s, out)
               ? LUCID_OK
               : LUCID_RETRY_MEMORY;
}

struct lucid_span mock_agent_root(const struct mock_agent *agent)
{
    return lucid_buf_span(&agent->root_pem);
}
