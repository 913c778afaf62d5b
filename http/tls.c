#include "http/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "http/server_internal.h"

/* A certificate is exchanged without a lock: http_tls_set leaves the new context in `next`, and the
 * accepting loop, the only one that makes connections, takes it from there. */
struct http_tls {
    BIO_METHOD *wire;
    _Atomic(SSL_CTX *) next; /* NULL: no newer one */
    SSL_CTX *current;        /* the accepting loop's */
    _Atomic uint64_t expires_s;
};

enum { CHAIN_MAX = 16 };

/* --- the wire --------------------------------------------------------------------------------- */

/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE. */

static int wire_write(BIO *bio, const char *data, int len)
{
    const struct http_connection *connection = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(connection->fd, data, (size_t)len, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int wire_read(BIO *bio, char *data, int len)
{
    struct http_connection *connection = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(connection->fd, data, (size_t)len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    connection->tls_wire_eof = got == 0;
    return (int)got;
}

static long wire_control(BIO *bio, int what, long number, void *pointer)
{
    const struct http_connection *connection = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return connection->tls_wire_eof;
    default:
        return 0;
    }
}

static int wire_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* --- contexts --------------------------------------------------------------------------------- */

static int alpn_select(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                       const unsigned char *offered, unsigned int offered_len, void *context)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* An encrypted key would have OpenSSL ask at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need none */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_alpn_select_cb(context, alpn_select, NULL);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static enum lucid_error refuse(struct lucid_why *why, const char *param, const char *text)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", param, "%s%s%s", text,
                        reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
}

static uint64_t expiry_of(const X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) {
        return 1;
    }
    time_t seconds = timegm(&tm);
    return seconds < 1 ? 1 : (uint64_t)seconds;
}

/* The rest of the chain, until the PEM text ends. */
static bool chain_add(SSL_CTX *context, BIO *pem)
{
    for (int i = 0; i < CHAIN_MAX; i++) {
        X509 *more = PEM_read_bio_X509(pem, NULL, no_password, NULL);
        if (more == NULL) {
            bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (ended) {
                ERR_clear_error();
            }
            return ended;
        }
        if (SSL_CTX_add0_chain_cert(context, more) != 1) {
            X509_free(more);
            return false;
        }
    }
    return false;
}

static bool certificate_use(SSL_CTX *context, BIO *pem, uint64_t *ret_expires_s)
{
    X509 *own = PEM_read_bio_X509(pem, NULL, no_password, NULL);
    if (own == NULL) {
        return false;
    }
    bool ok = SSL_CTX_use_certificate(context, own) == 1 && chain_add(context, pem);
    *ret_expires_s = expiry_of(own);
    X509_free(own);
    return ok;
}

static bool key_use(SSL_CTX *context, BIO *pem)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
    bool ok = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1 &&
              SSL_CTX_check_private_key(context) == 1;
    EVP_PKEY_free(key);
    return ok;
}

enum lucid_error http_tls_set(struct http_tls *tls, struct lucid_span certificate,
                              struct lucid_span key, struct lucid_why *why)
{
    lucid_assert(certificate.len <= INT32_MAX && key.len <= INT32_MAX);
    ERR_clear_error();
    SSL_CTX *context = context_new();
    BIO *certificate_pem = BIO_new_mem_buf(certificate.data, (int)certificate.len);
    BIO *key_pem = BIO_new_mem_buf(key.data, (int)key.len);
    uint64_t expires_s = 0;
    enum lucid_error error = LUCID_OK;
    if (context == NULL || certificate_pem == NULL || key_pem == NULL) {
        error = LUCID_RETRY_MEMORY;
    } else if (!certificate_use(context, certificate_pem, &expires_s)) {
        error = refuse(why, "tls_certificate", "the certificate cannot be used");
    } else if (!key_use(context, key_pem)) {
        error = refuse(why, "tls_key", "the private key cannot be used with the certificate");
    }
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    if (error != LUCID_OK) {
        SSL_CTX_free(context);
        return error;
    }
    SSL_CTX_free(atomic_exchange(&tls->next, context));
    atomic_store(&tls->expires_s, expires_s);
    return LUCID_OK;
}

uint64_t http_tls_expires_s(const struct http_tls *tls)
{
    return atomic_load(&tls->expires_s);
}

enum lucid_error http_tls_open(struct http_tls **ret)
{
    struct http_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    tls->wire = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lucid");
    if (tls->wire == NULL || BIO_meth_set_write(tls->wire, wire_write) != 1 ||
        BIO_meth_set_read(tls->wire, wire_read) != 1 ||
        BIO_meth_set_ctrl(tls->wire, wire_control) != 1 ||
        BIO_meth_set_create(tls->wire, wire_create) != 1) {
        http_tls_close(tls);
        return LUCID_RETRY_MEMORY;
    }
    *ret = tls;
    return LUCID_OK;
}

void http_tls_close(struct http_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(atomic_load(&tls->next));
    SSL_CTX_free(tls->current);
    BIO_meth_free(tls->wire);
    free(tls);
}

/* --- connections ------------------------------------------------------------------------------ */

bool http_tls_attach(struct http_tls *tls, struct http_connection *connection)
{
    SSL_CTX *next = atomic_exchange(&tls->next, NULL);
    if (next != NULL) {
        SSL_CTX_free(tls->current);
        tls->current = next;
    }
    lucid_assert(tls->current != NULL);
    SSL *ssl = SSL_new(tls->current);
    BIO *wire = BIO_new(tls->wire);
    if (ssl == NULL || wire == NULL) {
        SSL_free(ssl);
        BIO_free(wire);
        ERR_clear_error();
        return false;
    }
    BIO_set_data(wire, connection);
    SSL_set_bio(ssl, wire, wire);
    SSL_set_accept_state(ssl);
    connection->ssl = ssl;
    connection->handshaking = true;
    return true;
}

void http_tls_detach(struct http_connection *connection)
{
    SSL_free(connection->ssl);
    connection->ssl = NULL;
    connection->handshaking = false;
    connection->tls_more = false;
}

/* What an operation that did not succeed waits for. */
static enum http_tls_step step_of(struct http_connection *connection)
{
    switch (SSL_get_error(connection->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return HTTP_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return HTTP_TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return HTTP_TLS_ENDED;
    default:
        connection->tls_broken = true;
        ERR_clear_error();
        return HTTP_TLS_FAILED;
    }
}

enum http_tls_step http_tls_handshake(struct http_connection *connection)
{
    ERR_clear_error();
    if (SSL_do_handshake(connection->ssl) == 1) {
        connection->handshaking = false;
        return HTTP_TLS_DONE;
    }
    enum http_tls_step step = step_of(connection);
    return step == HTTP_TLS_ENDED ? HTTP_TLS_FAILED : step;
}

static ssize_t failed(int error)
{
    errno = error;
    return -1;
}

ssize_t http_tls_recv(struct http_connection *connection, uint8_t *to, size_t room)
{
    size_t got = 0;
    connection->tls_more = false;
    connection->tls_read_wants_write = false;
    ERR_clear_error();
    while (got < room) {
        size_t len = 0;
        if (SSL_read_ex(connection->ssl, to + got, room - got, &len) == 1) {
            got += len;
            continue;
        }
        switch (step_of(connection)) {
        case HTTP_TLS_WANTS_WRITE: /* an answer to a key update */
            connection->tls_read_wants_write = true;
            connection->tls_more = true;
            http_output_block(connection);
            break;
        case HTTP_TLS_ENDED:
            if (got == 0) {
                return 0;
            }
            connection->tls_more = true;
            break;
        case HTTP_TLS_FAILED:
            if (got == 0) {
                return failed(ECONNRESET);
            }
            connection->tls_more = true;
            break;
        case HTTP_TLS_WANTS_READ:
        case HTTP_TLS_DONE:
            break;
        }
        return got > 0 ? (ssize_t)got : failed(EAGAIN);
    }
    connection->tls_more = true;
    return (ssize_t)got;
}

/* One record's worth of what is queued, in one piece. A record that the kernel did not take must be
 * offered again with the same bytes: the queue only grows at its end, so they are. */
static struct lucid_span record_next(struct http_connection *connection)
{
    const struct http_segment *segment = connection->out_first;
    size_t left = segment->buf.len - segment->at;
    if (left >= HTTP_RECORD_BYTES || segment->next == NULL) {
        return lucid_span(segment->buf.data + segment->at,
                          left < HTTP_RECORD_BYTES ? left : HTTP_RECORD_BYTES);
    }
    uint8_t *to = connection->loop->record_buffer;
    size_t len = 0;
    for (; segment != NULL && len < HTTP_RECORD_BYTES; segment = segment->next) {
        left = segment->buf.len - segment->at;
        size_t part = left < HTTP_RECORD_BYTES - len ? left : HTTP_RECORD_BYTES - len;
        memcpy(to + len, segment->buf.data + segment->at, part);
        len += part;
    }
    return lucid_span(to, len);
}

ssize_t http_tls_send(struct http_connection *connection)
{
    struct lucid_span record = record_next(connection);
    size_t sent = 0;
    connection->tls_write_wants_read = false;
    ERR_clear_error();
    if (SSL_write_ex(connection->ssl, record.data, record.len, &sent) == 1) {
        return (ssize_t)sent;
    }
    switch (step_of(connection)) {
    case HTTP_TLS_WANTS_READ: /* the client left a handshake message half sent */
        connection->tls_write_wants_read = true;
        return failed(EAGAIN);
    case HTTP_TLS_WANTS_WRITE:
        return failed(EAGAIN);
    case HTTP_TLS_ENDED:
    case HTTP_TLS_FAILED:
    case HTTP_TLS_DONE:
        break;
    }
    return failed(EPIPE);
}

bool http_tls_shut(struct http_connection *connection)
{
    if (connection->handshaking || connection->tls_broken ||
        (SSL_get_shutdown(connection->ssl) & SSL_SENT_SHUTDOWN) != 0) {
        return true;
    }
    ERR_clear_error();
    int result = SSL_shutdown(connection->ssl);
    return result >= 0 || step_of(connection) != HTTP_TLS_WANTS_WRITE;
}
