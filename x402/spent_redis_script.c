#include "x402/spent_redis_internal.h"

/* What every script begins with. KEYS: generation, loaded, links, own claims, then the keys it is
 * about. ARGV: member, link. What comes late over a connection that was given up must do nothing:
 * it is told again over the next one. */
#define HEAD                                                                                       \
    "local l = redis.call('HGET', KEYS[3], ARGV[1])\n"                                             \
    "if l ~= ARGV[2] then return {l and 'replaced' or 'gone'} end\n"

/* Digest and holder of a claim begin at these places, counted from 1. */
#define HOLDER "string.sub(v, 66)"
#define KIND   "string.sub(v, 1, 1)"

const char *const redis_script_text[REDIS_SCRIPTS] = {
    /* ARGV: … '1' to take the link, a random, the server's run_id, members.
     * → ok, generation, the first member that has not loaded, what we have loaded. */
    [REDIS_SCRIPT_LOOK] =
        "local l = redis.call('HGET', KEYS[3], ARGV[1])\n"
        "if ARGV[3] == '1' or not l then redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])\n"
        "elseif l ~= ARGV[2] then return {'replaced'} end\n"
        "local g = redis.call('GET', KEYS[1])\n"
        "if not g or string.len(g) ~= 73 then\n"
        "  g = ARGV[4] .. ':' .. ARGV[5]\n"
        "  redis.call('SET', KEYS[1], g)\n"
        "elseif string.sub(g, 34) ~= ARGV[5] then\n"
        "  g = string.sub(g, 1, 33) .. ARGV[5]\n"
        "  redis.call('SET', KEYS[1], g)\n"
        "end\n"
        "local missing = ''\n"
        "for i = 6, #ARGV do\n"
        "  if missing == '' and redis.call('HGET', KEYS[2], ARGV[i]) ~= g then\n"
        "    missing = ARGV[i]\n"
        "  end\n"
        "end\n"
        "return {'ok', g, missing, redis.call('HGET', KEYS[2], ARGV[1]) or ''}\n",

    /* ARGV: … generation, holder, digest, how many of the keys are to be claimed (the others must
     * not be spent), members. */
    [REDIS_SCRIPT_CLAIM] =
        HEAD "local g, n = ARGV[3], tonumber(ARGV[6])\n"
             "if redis.call('GET', KEYS[1]) ~= g then return {'gone'} end\n"
             "for i = 7, #ARGV do\n"
             "  if redis.call('HGET', KEYS[2], ARGV[i]) ~= g then return {'loading', ARGV[i]} end\n"
             "end\n"
             "for i = 5, #KEYS do\n"
             "  local v = redis.call('GET', KEYS[i])\n"
             "  if v then\n"
             "    if " KIND " == 's' then return {'spent', v} end\n"
             "    if i < 5 + n and " HOLDER " ~= ARGV[4] then return {'held', v} end\n"
             "  end\n"
             "end\n"
             "for i = 5, 4 + n do\n"
             "  redis.call('SET', KEYS[i], 'c' .. ARGV[5] .. ARGV[4])\n"
             "  redis.call('SADD', KEYS[4], KEYS[i])\n"
             "end\n"
             "return {'claimed'}\n",

    /* One key. ARGV: … holder, value. */
    [REDIS_SCRIPT_PROMOTE] = HEAD "local v = redis.call('GET', KEYS[5])\n"
                                  "local mine = v and " KIND " == 'c' and " HOLDER " == ARGV[3]\n"
                                  "if not v or mine then redis.call('SET', KEYS[5], ARGV[4]) end\n"
                                  "if mine then redis.call('SREM', KEYS[4], KEYS[5]) end\n"
                                  "return {'ok'}\n",

    /* One key. ARGV: … holder. */
    [REDIS_SCRIPT_RELEASE] = HEAD "local v = redis.call('GET', KEYS[5])\n"
                                  "if v and " KIND " == 'c' and " HOLDER " == ARGV[3] then\n"
                                  "  redis.call('DEL', KEYS[5])\n"
                                  "  redis.call('SREM', KEYS[4], KEYS[5])\n"
                                  "end\n"
                                  "return {'ok'}\n",

    /* One key that we hold, or take over from the process before. ARGV: … holder, digest,
     * member '/'. */
    [REDIS_SCRIPT_RECLAIM] =
        HEAD "local v = redis.call('GET', KEYS[5])\n"
             "if v then\n"
             "  if " KIND " == 's' then return {'spent', v} end\n"
             "  if string.sub(" HOLDER ", 1, string.len(ARGV[5])) ~= ARGV[5] then\n"
             "    return {'held', v}\n"
             "  end\n"
             "end\n"
             "redis.call('SET', KEYS[5], 'c' .. ARGV[4] .. ARGV[3])\n"
             "redis.call('SADD', KEYS[4], KEYS[5])\n"
             "return {'claimed'}\n",

    /* Keys that the process before had claimed and the log knows nothing of. ARGV: … member '/',
     * member '/' boot '/'. */
    [REDIS_SCRIPT_DROP] = HEAD "for i = 5, #KEYS do\n"
                               "  local v = redis.call('GET', KEYS[i])\n"
                               "  local h = v and " KIND " == 'c' and " HOLDER " or ''\n"
                               "  if string.sub(h, 1, string.len(ARGV[4])) ~= ARGV[4] then\n"
                               "    if string.sub(h, 1, string.len(ARGV[3])) == ARGV[3] then\n"
                               "      redis.call('DEL', KEYS[i])\n"
                               "    end\n"
                               "    redis.call('SREM', KEYS[4], KEYS[i])\n"
                               "  end\n"
                               "end\n"
                               "return {'ok'}\n",

    /* Keys that are spent in our log, which has the last word over any claim. ARGV: … values. */
    [REDIS_SCRIPT_LOAD] =
        HEAD "for i = 5, #KEYS do\n"
             "  local v = redis.call('GET', KEYS[i])\n"
             "  if not v or " KIND " == 'c' then redis.call('SET', KEYS[i], ARGV[i - 2]) end\n"
             "  redis.call('SREM', KEYS[4], KEYS[i])\n"
             "end\n"
             "return {'ok'}\n",

    /* ARGV: … generation. */
    [REDIS_SCRIPT_MARK] = HEAD "if redis.call('GET', KEYS[1]) ~= ARGV[3] then return {'gone'} end\n"
                               "redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])\n"
                               "return {'ok'}\n",
};
