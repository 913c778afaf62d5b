/* The spent store in Redis, its parts.
 *
 * Keys, all in one slot of a cluster:
 *   PREFIX{spent}:k:KEY           'c' digest[64 hex] holder            claimed
 *                                 's' payment id[32 hex] digest[64 hex] spent
 *   PREFIX{spent}:generation      random[32 hex] ':' run_id of the server
 *   PREFIX{spent}:loaded          hash: member → the generation into which it has loaded its log
 *   PREFIX{spent}:links           hash: member → boot '.' connection, the only one that may write
 *   PREFIX{spent}:claims:MEMBER   set: the keys that it has claimed
 * A holder is member '/' boot '/' token, a boot 16 random hex digits a process.
 *
 * A generation ends when the content is gone or the server was started anew (it may then have lost
 * its last second, or be a replica that had not got everything): every member loads its log and
 * claims again what it holds before anybody may claim. */
#ifndef LUCID_X402_SPENT_REDIS_INTERNAL_H
#define LUCID_X402_SPENT_REDIS_INTERNAL_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "x402/spent_table_internal.h"

#define REDIS_MEMBER_BYTES_MAX   63
#define REDIS_PREFIX_BYTES_MAX   32
#define REDIS_HOST_BYTES_MAX     255
#define REDIS_PATH_BYTES_MAX     107 /* of a unix socket */
#define REDIS_USER_BYTES_MAX     63
#define REDIS_PASSWORD_BYTES_MAX 511
#define REDIS_RUN_ID_HEX         40
#define REDIS_RANDOM_HEX         32
#define REDIS_GENERATION_BYTES   (REDIS_RANDOM_HEX + 1 + REDIS_RUN_ID_HEX)
#define REDIS_BOOT_HEX           16
#define REDIS_VALUE_BYTES        384 /* of a key, and more than it can be */
#define REDIS_CHUNK_KEYS         128 /* in one command while loading */
#define REDIS_BACKOFF_MS_MIN     20

/* --- where it is (spent_redis_place.c) --- */

struct redis_place {
    char path[REDIS_PATH_BYTES_MAX + 1]; /* a unix socket, or "" */
    char host[REDIS_HOST_BYTES_MAX + 1];
    uint16_t port;
    uint32_t database;
    char user[REDIS_USER_BYTES_MAX + 1]; /* "": none */
    char password[REDIS_PASSWORD_BYTES_MAX + 1];
};

/* Reads URL and password file. The caller wipes it. */
enum lucid_error redis_place_read(const struct x402_spent_redis_options *options,
                                  struct redis_place *ret, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Whether a server that says this of itself (INFO) may hold spent proofs. LUCID_RETRY_IO: it is
 * still starting. */
enum lucid_error redis_info_judge(struct lucid_span info, char ret_run_id[REDIS_RUN_ID_HEX + 1],
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* --- scripts (spent_redis_script.c) --- */

enum redis_script {
    REDIS_SCRIPT_LOOK,
    REDIS_SCRIPT_CLAIM,
    REDIS_SCRIPT_PROMOTE,
    REDIS_SCRIPT_RELEASE,
    REDIS_SCRIPT_RECLAIM,
    REDIS_SCRIPT_DROP,
    REDIS_SCRIPT_LOAD,
    REDIS_SCRIPT_MARK,
    REDIS_SCRIPTS,
    REDIS_NO_SCRIPT = REDIS_SCRIPTS,
};
extern const char *const redis_script_text[REDIS_SCRIPTS];

/* --- the store --- */

enum redis_phase {
    REDIS_DOWN,       /* waiting before the next connection */
    REDIS_CONNECTING, /* until it is fit */
    REDIS_LOOKING,    /* at its generation */
    REDIS_SYNCING,    /* telling it what we know. From here on commands about holds may be sent */
    REDIS_WAITING,    /* for other members */
    REDIS_READY,
};

enum redis_step {
    REDIS_STEP_STALE, /* claims of the process before */
    REDIS_STEP_HOLDS, /* our own */
    REDIS_STEP_LOAD,  /* the log */
    REDIS_STEP_MARK,
};

struct spent_redis;
struct redis_op;

typedef void redis_op_fn(struct redis_op *op, const redisReply *reply); /* NULL: lost */

/* A command under way. */
struct redis_op {
    struct redis_op *next;
    struct spent_redis *redis;
    redis_op_fn *done;
    enum redis_script script;
    bool as_eval; /* the server did not know the script by its hash */
    struct lucid_buf arguments;
    size_t argument_count;
    uint64_t due_ms;
    struct x402_claim *claim; /* who waits for it, or NULL */
    struct spent_hold *holds[X402_SPENT_KEYS_MAX];
    size_t hold_count;
};

struct spent_redis {
    struct x402_spent spent;
    struct lucid_loop *loop;
    struct x402_spent_log log;
    struct redis_place place;
    char prefix[REDIS_PREFIX_BYTES_MAX + 1];
    char members[X402_SPENT_MEMBERS_MAX][REDIS_MEMBER_BYTES_MAX + 1];
    size_t member_count;
    char self[REDIS_MEMBER_BYTES_MAX + 1];
    char boot[REDIS_BOOT_HEX + 1];
    uint32_t timeout_ms;

    struct spent_table table;
    struct spent_queue answered;
    struct lucid_timer tell_timer;
    bool telling;
    uint64_t tokens;

    /* The connection (spent_redis_link.c). */
    redisAsyncContext *context;
    struct lucid_watch watch;
    bool reading;
    bool writing;
    struct lucid_timer link_timer; /* connect; give up connecting; look again */
    struct lucid_timer due_timer;
    struct redis_op *first_op;
    struct redis_op *last_op;
    uint64_t link; /* connections begun */
    char link_id[REDIS_BOOT_HEX + 24];
    char sha[REDIS_SCRIPTS][41];
    uint64_t backoff_ms;
    char trouble[192]; /* what was said last in the log */
    uint64_t connects;
    uint64_t losses;

    /* What Redis knows of us (spent_redis_sync.c). */
    enum redis_phase phase;
    enum redis_step step;
    char run_id[REDIS_RUN_ID_HEX + 1];
    char generation[REDIS_GENERATION_BYTES + 1];
    char loaded[REDIS_GENERATION_BYTES + 1]; /* the generation that has all of our log */
    bool stale_done;
    bool reload;   /* something could not be told for want of memory */
    uint64_t sync; /* round */
    size_t sync_ops;
    char cursor[24];
    bool log_end;
    struct x402_spent_key after; /* loaded up to here */
};

/* spent_redis_link.c */

void redis_link_open(struct spent_redis *redis);
void redis_link_close(struct spent_redis *redis);
/* Ends the connection with a line in the log (once for a while of the same), and tries again. */
void redis_link_drop(struct spent_redis *redis, const char *reason);
/* A reply that is none of those expected: what Redis says of it goes to the log, and the connection
 * is begun anew. "gone" is looked at again if we are not in the middle of telling. */
void redis_reply_refuse(struct spent_redis *redis, const redisReply *reply);

/* NULL: no memory. A script's first keys and arguments, which all have, are put in: key_count is
 * that of the others. */
struct redis_op *redis_op_new(struct spent_redis *redis, enum redis_script script, size_t key_count,
                              redis_op_fn *done);
void redis_op_put(struct redis_op *op, struct lucid_span argument);
void redis_op_put_text(struct redis_op *op, const char *text);
void redis_op_put_key(struct redis_op *op, const struct x402_spent_key *key);
/* After the keys of a script and before its other arguments. */
void redis_op_put_self(struct redis_op *op);
/* Owns op. False: it was not sent, and done is not called. NULL is allowed: false. */
bool redis_op_send(struct redis_op *op) LUCID_WARN_UNUSED;

/* The first word of a script's answer; "" when it is not one. Borrowed from reply. */
const char *redis_reply_word(const redisReply *reply);
/* A further text of it; empty when there is none. */
struct lucid_span redis_reply_text(const redisReply *reply, size_t at);

/* spent_redis_sync.c */

/* The connection is made and fit, or was found fit again: which generation is it, and who has
 * loaded? */
void redis_look(struct spent_redis *redis);

static inline bool redis_may_tell(const struct spent_redis *redis)
{
    return redis->phase >= REDIS_SYNCING;
}

/* spent_redis_hold.c */

#define REDIS_SPENT_VALUE_BYTES (1 + 2 * X402_PAYMENT_ID_BYTES + 2 * 32)

/* The value of a spent key. */
void redis_spent_value(const uint8_t payment_id[X402_PAYMENT_ID_BYTES], const uint8_t digest[32],
                       char ret[REDIS_SPENT_VALUE_BYTES]);
/* Sends the end that a hold waits for, if it waits for one, nothing is under way about it and Redis
 * is there; claim is answered with it. False: not sent. */
bool redis_hold_tell(struct spent_redis *redis, struct spent_hold *hold, struct x402_claim *claim);
/* Asks for all of a claim's keys. Answered in any case. */
void redis_claim(struct spent_redis *redis, struct x402_claim *claim);
/* Promotes or releases. Answered in any case. */
void redis_end(struct spent_redis *redis, struct x402_claim *claim);
/* Nobody waits any more. False: no command is under way for that claim. */
bool redis_claim_forget(struct spent_redis *redis, const struct x402_claim *claim);
/* Gives back what a claim got whose owner was not told. */
void redis_claim_undo(struct spent_redis *redis, const struct x402_claim *claim);
/* Claims again what we hold, which is busy until done. False: no memory. */
bool redis_hold_reclaim(struct spent_redis *redis, struct spent_hold *hold, redis_op_fn *done);

/* spent_redis.c */

/* Its done is called in the next turn of the loop. */
void redis_answer(struct spent_redis *redis, struct x402_claim *claim);

#endif
