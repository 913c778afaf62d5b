#include "http_outgoing_peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"

enum { STEP_MS = 5, HUGE_BYTES = 400 * 1000 };

static void say(int fd, const char *text)
{
    ssize_t len = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)len; /* gone: nothing to say */
}

static void say_huge(int fd)
{
    char line[1024];
    memset(line, 'a', sizeof(line));
    memcpy(line, "X-A: ", 5);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (size_t bytes = 0; bytes < HUGE_BYTES; bytes += sizeof(line)) {
        say(fd, line);
    }
    say(fd, "Content-Length: 0\r\n\r\n");
}

/* Answers; returns whether the connection stays. */
static bool peer_answer(const struct peer *peer, int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    switch (peer->kind) {
    case PEER_CLOSES:
        return false;
    case PEER_RESETS:
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        return false;
    case PEER_CUTS_HEAD:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
        return false;
    case PEER_CUTS_BODY:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
        return false;
    case PEER_CUTS_CHUNK:
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nten bytes.\r\n");
        return false;
    case PEER_SAYS_NONSENSE:
        say(fd, "220 mail.example ESMTP\r\nwho are you?\r\n");
        return false;
    case PEER_SLOW_HEAD:
        say(fd, "HTTP/1.1 200 OK\r\nX-Slow: ");
        return true;
    case PEER_SLOW_BODY:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        return true;
    case PEER_SILENT:
        return true;
    case PEER_HUGE_HEAD:
        say_huge(fd);
        return true;
    case PEER_LIES_LENGTH:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
        for (int i = 0; i < 300; i++) {
            say_huge(fd);
        }
        return false;
    }
    return false;
}

/* Accepts one and answers it, if it comes within a step. */
static void peer_accept(struct peer *peer)
{
    struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
    if (poll(&ready, 1, STEP_MS) != 1) {
        return;
    }
    int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct timeval patience = {.tv_sec = 1};
    char request[4096];
    size_t len = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    while (len < sizeof(request) - 1) {
        ssize_t got = recv(fd, request + len, sizeof(request) - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
        request[len] = '\0';
        if (got <= 0 || strstr(request, "\r\n\r\n") != NULL) {
            break;
        }
    }
    if (len > 0 && peer_answer(peer, fd) && peer->count < PEER_CONNECTIONS_MAX) {
        peer->connections[peer->count++] = fd;
        return;
    }
    (void)close(fd);
}

static void *peer_main(void *context)
{
    struct peer *peer = context;
    while (!atomic_load(&peer->stop)) {
        peer_accept(peer);
        for (size_t i = 0; i < peer->count; i++) {
            if (peer->kind == PEER_SLOW_HEAD || peer->kind == PEER_SLOW_BODY) {
                say(peer->connections[i], "s");
            }
        }
    }
    for (size_t i = 0; i < peer->count; i++) {
        (void)close(peer->connections[i]);
    }
    return NULL;
}

void peer_start(struct peer *peer, enum peer_kind kind)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *peer = (struct peer){.kind = kind};
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    lucid_assert(peer->fd >= 0);
    lucid_assert(bind(peer->fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    lucid_assert(listen(peer->fd, PEER_CONNECTIONS_MAX) == 0);
    lucid_assert(getsockname(peer->fd, (struct sockaddr *)&address, &len) == 0);
    peer->port = ntohs(address.sin_port);
    lucid_assert(pthread_create(&peer->thread, NULL, peer_main, peer) == 0);
}

void peer_stop(struct peer *peer)
{
    atomic_store(&peer->stop, true);
    lucid_assert(pthread_join(peer->thread, NULL) == 0);
    (void)close(peer->fd);
}

/* --- a certificate ---------------------------------------------------------------------------- */

static void extension_add(X509 *x509, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    lucid_assert(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static struct lucid_span bio_bytes(BIO *bio)
{
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    return lucid_span(text, (size_t)len);
}

void peer_secure_make(struct peer_secure *secure)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    lucid_assert(key != NULL && x509 != NULL);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    extension_add(x509, NID_basic_constraints, "critical,CA:TRUE");
    extension_add(x509, NID_subject_alt_name, "IP:127.0.0.1");
    lucid_assert(X509_sign(x509, key, EVP_sha256()) > 0);
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_mem());
    lucid_assert(PEM_write_bio_X509(certificate, x509) == 1);
    lucid_assert(PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1);
    struct lucid_span pem = bio_bytes(certificate);
    lucid_assert(http_tls_open(&secure->tls) == LUCID_OK);
    lucid_assert(http_tls_set(secure->tls, pem, bio_bytes(secret), NULL) == LUCID_OK);
    static const char name[] = "/tmp/http_outgoing_test_XXXXXX";
    memcpy(secure->ca_file, name, sizeof(name));
    int fd = mkstemp(secure->ca_file);
    lucid_assert(fd >= 0 && write(fd, pem.data, pem.len) == (ssize_t)pem.len);
    (void)close(fd);
    BIO_free(certificate);
    BIO_free(secret);
    X509_free(x509);
    EVP_PKEY_free(key);
}

void peer_secure_free(struct peer_secure *secure)
{
    (void)unlink(secure->ca_file);
    http_tls_close(secure->tls);
}
