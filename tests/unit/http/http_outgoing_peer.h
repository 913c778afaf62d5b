/* Servers that behave badly, each on a thread and a free port of its own; and a certificate. */
#ifndef LUCID_TESTS_HTTP_OUTGOING_PEER_H
#define LUCID_TESTS_HTTP_OUTGOING_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "http/tls.h"

/* What becomes of a connection once its request was read. */
enum peer_kind {
    PEER_CLOSES,
    PEER_RESETS,
    PEER_CUTS_HEAD,
    PEER_CUTS_BODY,
    PEER_CUTS_CHUNK,
    PEER_SAYS_NONSENSE,
    PEER_SLOW_HEAD, /* a byte each few milliseconds, for long */
    PEER_SLOW_BODY,
    PEER_SILENT,
    PEER_HUGE_HEAD,
    PEER_LIES_LENGTH, /* a length beyond all numbers */
};

enum { PEER_CONNECTIONS_MAX = 64 };

struct peer {
    enum peer_kind kind;
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    int connections[PEER_CONNECTIONS_MAX]; /* the thread's own */
    size_t count;
};

void peer_start(struct peer *peer, enum peer_kind kind);
void peer_stop(struct peer *peer);

/* A certificate for 127.0.0.1 that signs itself, for a server and as a file to trust. */
struct peer_secure {
    struct http_tls *tls;
    char ca_file[64];
};

void peer_secure_make(struct peer_secure *secure);
void peer_secure_free(struct peer_secure *secure);

#endif
