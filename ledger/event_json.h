/* Events as JSON lines, for whoever keeps a copy: exactly the hashed parts, and beside them what
 * can be read off them (docs/API.md, "Events"):
 *
 *   {"sequence","time_ms","time","type","version","payload","entry"?,"leaf_index"?,"hash",
 *    "decoded"?,"body"? | "body_erased"? | "body_withheld"?}
 *
 * payload and body are base64, entry and hash hex. decoded is what a known type's payload says; any
 * payload that is a JSON object is its own decoded form, of unknown types as well.
 *
 * Thread: pure functions. */
#ifndef LUCID_LEDGER_EVENT_JSON_H
#define LUCID_LEDGER_EVENT_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "ledger/store/store.h"

/* The longest line: payload and body in base64, the payload decoded (JSON strings of a checkpoint
 * grow by their line ends), and 1 KiB for the rest. */
#define LEDGER_EVENT_JSON_BYTES_MAX ((size_t)320 * 1024)
/* What the parse of one line may take from its arena. */
#define LEDGER_EVENT_JSON_ARENA_BYTES_MAX ((size_t)4 << 20)

/* An event and what lies beside it. Spans are borrowed. */
struct ledger_event_record {
    struct store_event event;
    uint64_t leaf;          /* only with entry */
    struct lucid_span body; /* data NULL: none, or not asked for */
    bool body_erased;       /* there was one; body is then not looked at */
    bool body_withheld;     /* there is one, for others; likewise */
};

/* Appends the object, without a line end and without any inside. Failure to grow is out's sticky
 * error. */
void ledger_event_json_write(const struct ledger_event_record *record, struct lucid_buf *out);

/* Reads one line; what it points to lives in the arena. The line's own redundancy is checked: time
 * is that of time_ms, decoded says of the payload what we would say, entry and leaf_index come
 * together. That the hash is right, and the leaf index, only the chain and the tree can tell.
 * Members that are not known are passed over. Errors: LUCID_REFUSE_INVALID (why->param: the
 * member), LUCID_RETRY_MEMORY. */
enum lucid_error ledger_event_json_parse(struct lucid_span line, struct lucid_arena *arena,
                                         struct ledger_event_record *ret,
                                         struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
