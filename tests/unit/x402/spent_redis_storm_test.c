/* Two members claim, intend, settle, release and die at random, while Redis is emptied, restarted
 * and cut off: at no time do two deal with one key, and nothing that is spent is ever had again. */
#include "spent_redis_rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { KEYS = 24, SLOTS = 12, RUN_MS = 6000, NAMES_MAX = SUITE_LOG_MAX - 8 };

enum slot_state { IDLE, CLAIMING, HELD, INTENDED, ENDING };

struct slot {
    struct suite_claim claim;
    enum slot_state state;
    int picks[2];
    bool adopted; /* by the keeper: token 0 */
};

struct storm {
    struct pair *pair;
    struct slot slots[2][SLOTS];
    struct slot *owner[KEYS];
    bool spent[KEYS];
    char keys[KEYS][64];
    unsigned named; /* keys so far */
    uint64_t seed;
    unsigned claimed, refused, unready, faults, spends, deaths;
};

static uint32_t draw(struct storm *storm, uint32_t below)
{
    storm->seed = storm->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((storm->seed >> 33) % below);
}

static void key_name(struct storm *storm, int at)
{
    storm->spent[at] = false;
    (void)snprintf(storm->keys[at], sizeof(storm->keys[at]), "eip155:1/0x%06x/%u", ++storm->named,
                   draw(storm, 9));
}

static void slot_begin(struct storm *storm, int who, struct slot *slot)
{
    slot->picks[0] = (int)draw(storm, KEYS);
    slot->picks[1] = (int)draw(storm, KEYS);
    if (slot->picks[0] == slot->picks[1] || draw(storm, 2) == 0) {
        slot->picks[1] = -1;
    }
    suite_claim_init(&slot->claim, (uint8_t)draw(storm, 3), storm->keys[slot->picks[0]],
                     slot->picks[1] >= 0 ? storm->keys[slot->picks[1]] : NULL);
    slot->state = CLAIMING;
    slot->adopted = false;
    suite_start(storm->pair->stores[who], &slot->claim, X402_SPENT_CLAIM);
}

/* What the claim was answered. */
static void slot_judge(struct storm *storm, struct slot *slot)
{
    slot->state = IDLE;
    switch (slot->claim.claim.outcome) {
    case X402_CLAIMED:
        storm->claimed++;
        slot->state = HELD;
        for (int i = 0; i < 2; i++) {
            if (slot->picks[i] >= 0) {
                assert_null(storm->owner[slot->picks[i]]);
                assert_false(storm->spent[slot->picks[i]]);
                storm->owner[slot->picks[i]] = slot;
            }
        }
        break;
    case X402_CLAIM_UNREADY:
        storm->unready++;
        break;
    case X402_CLAIM_HELD:
    case X402_CLAIM_SPENT:
        storm->refused++;
        break;
    }
}

static void slot_intend(struct storm *storm, int who, struct slot *slot)
{
    slot->state = INTENDED;
    for (int i = 0; i < 2; i++) {
        if (slot->picks[i] >= 0) {
            suite_log_put(&storm->pair->logs[who], storm->keys[slot->picks[i]],
                          slot->claim.claim.digest[0], true);
        }
    }
}

static void slot_end(struct storm *storm, int who, struct slot *slot, bool settled)
{
    for (int i = 0; i < 2; i++) {
        int at = slot->picks[i];
        if (at < 0) {
            continue;
        }
        storm->owner[at] = NULL;
        storm->spent[at] = settled;
        if (settled) {
            suite_log_put(&storm->pair->logs[who], storm->keys[at], slot->claim.claim.digest[0],
                          false);
        } else {
            suite_log_drop(&storm->pair->logs[who], storm->keys[at]);
        }
    }
    storm->spends += settled;
    slot->state = ENDING;
    if (slot->adopted) {
        slot->claim.claim.token = 0;
    }
    suite_start(storm->pair->stores[who], &slot->claim,
                settled ? X402_SPENT_PROMOTE : X402_SPENT_RELEASE);
}

static void slot_step(struct storm *storm, int who)
{
    struct slot *slot = &storm->slots[who][draw(storm, SLOTS)];
    if (slot->state == IDLE) {
        slot_begin(storm, who, slot);
    } else if (slot->state == CLAIMING && slot->claim.done > 0) {
        slot_judge(storm, slot);
    } else if (slot->state == CLAIMING && draw(storm, 8) == 0) {
        x402_spent_cancel(storm->pair->stores[who], &slot->claim.claim);
        slot->state = IDLE;
    } else if (slot->state == HELD) {
        if (draw(storm, 2) == 0) {
            slot_intend(storm, who, slot);
        } else {
            slot_end(storm, who, slot, false);
        }
    } else if (slot->state == INTENDED) {
        slot_end(storm, who, slot, draw(storm, 2) == 0);
    } else if (slot->state == ENDING && slot->claim.done > 0) {
        slot->state = IDLE;
    }
}

/* The process goes, its log stays. */
static void member_die(struct storm *storm, int who)
{
    storm->deaths++;
    pair_close_one(storm->pair, who);
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &storm->slots[who][i];
        for (int j = 0; slot->state == HELD && j < 2; j++) {
            if (slot->picks[j] >= 0) {
                storm->owner[slot->picks[j]] = NULL;
            }
        }
        slot->adopted = slot->state == INTENDED;
        slot->state = slot->adopted ? INTENDED : IDLE;
    }
    pair_open_one(storm->pair, who);
}

static void fault(struct storm *storm)
{
    storm->faults++;
    switch (draw(storm, 8)) {
    case 0:
        redis_server_do(&rig_server, "FLUSHALL");
        break;
    case 1:
        redis_server_stop(&rig_server, SIGKILL);
        redis_server_start(&rig_server);
        break;
    case 2:
        redis_server_stop(&rig_server, SIGKILL);
        redis_server_empty(&rig_server);
        redis_server_start(&rig_server);
        break;
    case 3:
        redis_server_do(&rig_server, "SCRIPT FLUSH");
        break;
    case 4:
        member_die(storm, (int)draw(storm, 2));
        break;
    case 5:
        redis_server_do(&rig_server, "CONFIG SET maxmemory 1");
        rig_turn_for(5);
        redis_server_do(&rig_server, "CONFIG SET maxmemory 0");
        break;
    default:
        redis_server_do(&rig_server, "CLIENT KILL TYPE normal SKIPME yes");
        break;
    }
}

/* Spent keys make room for new ones, once nobody names them. */
static void keys_renew(struct storm *storm)
{
    int at = (int)draw(storm, KEYS);
    bool named = !storm->spent[at] || storm->named >= NAMES_MAX;
    for (int i = 0; i < 2 * SLOTS && !named; i++) {
        const struct slot *slot = &storm->slots[i % 2][i / 2];
        named = slot->state != IDLE && (slot->picks[0] == at || slot->picks[1] == at);
    }
    if (!named) {
        key_name(storm, at);
    }
}

/* Everything comes to its end, and then the books are compared. */
static void storm_settle(struct storm *storm)
{
    for (int i = 0; i < 2 * SLOTS; i++) {
        struct slot *slot = &storm->slots[i % 2][i / 2];
        while (slot->state == CLAIMING || slot->state == ENDING) {
            rig_turn(NULL);
            if (slot->claim.done > 0 && slot->state == CLAIMING) {
                slot_judge(storm, slot);
            } else if (slot->claim.done > 0) {
                slot->state = IDLE;
            }
        }
        if (slot->state != IDLE) {
            slot_end(storm, i % 2, slot, true);
            suite_wait(&rig_fixture, &slot->claim);
        }
    }
    pair_wait(storm->pair);
    for (int i = 0; i < 2; i++) {
        struct x402_spent_status status = {.claims = 1};
        for (uint64_t until = rig_now_ms() + 5000; status.claims > 0;) {
            assert_true(rig_now_ms() < until);
            rig_turn(NULL);
            x402_spent_status(storm->pair->stores[i], &status);
        }
    }
    /* Only now: what one still has to give back is held for the other. */
    for (int i = 0; i < 2; i++) {
        for (int at = 0; at < KEYS; at++) {
            assert_int_equal(pair_probe(storm->pair, i, storm->keys[at]),
                             storm->spent[at] ? X402_CLAIM_SPENT : X402_CLAIMED);
        }
    }
    assert_int_equal(redis_server_do(&rig_server, "EXISTS test{spent}:claims:a"), 0);
    assert_int_equal(redis_server_do(&rig_server, "EXISTS test{spent}:claims:b"), 0);
}

static void test_storm(void **state)
{
    const char *given = getenv("LUCID_SEED");
    struct storm *storm = calloc(1, sizeof(*storm));
    assert_non_null(storm);
    storm->pair = *state;
    storm->seed = given != NULL ? strtoull(given, NULL, 10) : 402;
    for (int i = 0; i < KEYS; i++) {
        key_name(storm, i);
    }
    uint64_t next_ms = rig_now_ms() + 100;
    for (uint64_t until = rig_now_ms() + RUN_MS; rig_now_ms() < until;) {
        for (uint32_t i = draw(storm, 8); i > 0; i--) {
            slot_step(storm, (int)draw(storm, 2));
        }
        keys_renew(storm);
        rig_turn(NULL);
        if (rig_now_ms() >= next_ms) {
            fault(storm);
            next_ms = rig_now_ms() + draw(storm, 300);
        }
    }
    storm_settle(storm);
    print_message("# %u claimed, %u refused, %u unready, %u spent, %u faults, %u deaths\n",
                  storm->claimed, storm->refused, storm->unready, storm->spends, storm->faults,
                  storm->deaths);
    assert_true(storm->claimed > 1000 && storm->refused > 1000 && storm->spends > 100);
    free(storm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_PAIR(test_storm),
    };
    return rig_run("x402_spent_redis_storm", tests, sizeof(tests) / sizeof(tests[0]), false);
}
