/* TLS below the connection: certificates that cannot be used, and key updates among the requests of
 * a client that does not read. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "http/tls.h"
#include "http_harness.h"

static struct lucid_span pem_take(BIO *bio)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    char *copy = malloc((size_t)len);
    assert_non_null(copy);
    memcpy(copy, text, (size_t)len);
    BIO_free(bio);
    return lucid_span(copy, (size_t)len);
}

struct pair {
    struct lucid_span certificate;
    struct lucid_span key;
    struct lucid_span locked; /* the key, encrypted */
};

static struct pair pair_make(EVP_PKEY *key)
{
    static char password[] = "secret";
    X509 *x509 = X509_new();
    assert_non_null(x509);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *plain = BIO_new(BIO_s_mem());
    BIO *locked = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(certificate, x509), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(plain, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(
        PEM_write_bio_PrivateKey(locked, key, EVP_aes_128_cbc(), NULL, 0, NULL, password), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
    return (struct pair){pem_take(certificate), pem_take(plain), pem_take(locked)};
}

static void pair_free(struct pair *pair)
{
    free((void *)(uintptr_t)pair->certificate.data);
    free((void *)(uintptr_t)pair->key.data);
    free((void *)(uintptr_t)pair->locked.data);
}

static void refused(struct http_tls *tls, struct lucid_span certificate, struct lucid_span key,
                    const char *param)
{
    struct lucid_why why = {0};
    uint64_t before = http_tls_expires_s(tls);
    assert_int_equal(http_tls_set(tls, certificate, key, &why), LUCID_REFUSE_INVALID);
    assert_string_equal(why.param, param);
    assert_int_not_equal(why.text[0], '\0');
    assert_int_equal(http_tls_expires_s(tls), before);
    assert_int_equal(ERR_peek_error(), 0);
}

static void certificates(void **state)
{
    (void)state;
    struct http_tls *tls;
    struct pair good = pair_make(EVP_EC_gen("P-256"));
    struct pair other = pair_make(EVP_EC_gen("P-256"));
    struct pair weak = pair_make(EVP_RSA_gen(1024));
    assert_int_equal(http_tls_open(&tls), LUCID_OK);
    assert_int_equal(http_tls_expires_s(tls), 0);
    for (int round = 0; round < 2; round++) { /* without one, and with one to keep */
        refused(tls, lucid_span("", 0), good.key, "tls_certificate");
        refused(tls, lucid_span_str("no PEM"), good.key, "tls_certificate");
        refused(tls, good.key, good.key, "tls_certificate");
        refused(tls, lucid_span(good.certificate.data, good.certificate.len / 2), good.key,
                "tls_certificate");
        refused(tls, weak.certificate, weak.key, "tls_certificate");
        refused(tls, good.certificate, lucid_span("", 0), "tls_key");
        refused(tls, good.certificate, good.certificate, "tls_key");
        refused(tls, good.certificate, other.key, "tls_key");
        refused(tls, good.certificate, good.locked, "tls_key"); /* and nobody is asked */
        assert_int_equal(http_tls_set(tls, good.certificate, good.key, NULL), LUCID_OK);
        uint64_t now = (uint64_t)time(NULL);
        assert_in_range(http_tls_expires_s(tls), now + 3500, now + 3700);
    }
    /* A chain, and one that does not end well. */
    char chain[16384];
    int len = snprintf(chain, sizeof(chain), "%.*s%.*s", (int)good.certificate.len,
                       (const char *)good.certificate.data, (int)other.certificate.len,
                       (const char *)other.certificate.data);
    assert_int_equal(http_tls_set(tls, lucid_span(chain, (size_t)len), good.key, NULL), LUCID_OK);
    refused(tls, lucid_span(chain, (size_t)len - 100), good.key, "tls_certificate");
    http_tls_close(tls);
    pair_free(&good);
    pair_free(&other);
    pair_free(&weak);
}

/* --- a server --------------------------------------------------------------------------------- */

static void handle(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body = {0};
    for (int i = 0; i < 100 * 1000; i++) {
        lucid_buf_char(&body, (char)('a' + i % 26));
    }
    http_respond(request, 200, "application/octet-stream", &body);
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/", .handle = handle},
};

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

static void client_open(struct client *client, const struct harness *harness, uint16_t port)
{
    struct harness where = *harness;
    int small = 4096;
    where.port = port;
    client->fd = client_socket();
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    client_join(client->fd, &where);
    client->context = SSL_CTX_new(TLS_client_method());
    client->ssl = SSL_new(client->context);
    assert_non_null(client->ssl);
    SSL_set_fd(client->ssl, client->fd);
    assert_int_equal(SSL_connect(client->ssl), 1);
    assert_int_equal(SSL_version(client->ssl), TLS1_3_VERSION);
}

static void client_end(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
}

static void ask(struct client *client)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_int_equal(SSL_write(client->ssl, text, sizeof(text) - 1), sizeof(text) - 1);
}

static void answer_take(struct client *client)
{
    static char text[101 * 1000];
    size_t len = 0;
    const char *body = NULL;
    while (body == NULL || len < (size_t)(body - text) + 100 * 1000) {
        int got = SSL_read(client->ssl, text + len, 1 + (int)(len % 4000));
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
        body = body != NULL ? body : strstr(text, "\r\n\r\n");
        body = body == NULL || body[0] != '\r' ? body : body + 4;
    }
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    for (size_t i = 0; i < 100 * 1000; i++) {
        assert_int_equal(body[i], 'a' + (int)(i % 26));
    }
}

/* Each of them asks the server for one of its own, whose place is between the answers. */
static void key_updates(void **state)
{
    (void)state;
    struct harness harness;
    struct client client;
    struct pair pair = pair_make(EVP_EC_gen("P-256"));
    struct http_server_options options = {
        .routes = routes, .route_count = 1, .tls_host = "127.0.0.1"};
    http_limits_default(&options.limits);
    options.limits.output_bytes_max = 64 * 1024;
    assert_int_equal(http_tls_open(&options.tls), LUCID_OK);
    assert_int_equal(http_tls_set(options.tls, pair.certificate, pair.key, NULL), LUCID_OK);
    harness_start(&harness, &options);
    client_open(&client, &harness, http_server_tls_port(harness.server));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            ask(&client);
            assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(client.ssl), 1);
        }
        /* It waits, it does not spin: at last, on a machine that others keep busy. */
        uint64_t spent = UINT64_MAX;
        for (int window = 0; window < 10 && spent > 150; window++) {
            uint64_t before = harness_processor_ms();
            harness_sleep_ms(300);
            spent = harness_processor_ms() - before;
        }
        assert_in_range(spent, 0, 150);
        for (int i = 0; i < 20; i++) {
            answer_take(&client);
        }
    }
    client_end(&client);
    harness_end(&harness, 1000);
    http_tls_close(options.tls);
    pair_free(&pair);
}

int main(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* the client's; the server does without */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates),
        cmocka_unit_test(key_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
