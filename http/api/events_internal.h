/* Reading the event log page by page for an answer that may last: what /v1/events and /v1/stream
 * share. A reader holds a position and the hash before it, never a view. */
#ifndef LUCID_HTTP_API_EVENTS_INTERNAL_H
#define LUCID_HTTP_API_EVENTS_INTERNAL_H

#include "http/api/api_internal.h"

#define API_EVENT_TYPES_BYTES_MAX 512

enum api_events_form { API_EVENTS_NDJSON, API_EVENTS_SSE };

struct api_events {
    enum api_events_form form;
    bool bodies;
    bool audit;              /* also bodies that are no receipts: evidence, and what plugins hide */
    struct lucid_span types; /* comma-separated names; data NULL: all */
    uint64_t next;           /* sequence of the first event that was not looked at */
    uint64_t left;           /* events that may still be written */
    bool located;
    uint8_t hash[STORE_HASH_BYTES]; /* of the event before next, once located */
    uint64_t leaf;                  /* of the next event with an entry, once located */
};

/* Reads ?bodies= and ?types=, and who asks. False: it has answered. types points into the request's
 * arena. */
bool api_events_options(struct http_request *request, struct api_events *reader) LUCID_WARN_UNUSED;

/* Writes a page of what comes up to event `end`, and moves on. Each event is checked against the
 * chain of hashes, its entry against the tree, a receipt's body against its hash.
 * Errors: LUCID_FATAL_CORRUPT and those of the store; what is in out then is not to be sent. */
enum lucid_error api_events_page(struct api_events *reader, struct ledger_view *view, uint64_t end,
                                 struct lucid_buf *out) LUCID_WARN_UNUSED;

/* What could not be read in the middle of an answer: counted, logged, the answer is cut. */
void api_events_abort(struct http_request *request, const struct api_events *reader,
                      enum lucid_error error);

/* The newest event's sequence in a view. */
uint64_t api_events_newest(struct ledger_view *view);

/* The answer to a position beyond the newest event. */
void api_events_beyond(struct http_request *request, const char *param, uint64_t newest);

#endif
