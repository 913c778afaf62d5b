/* A plugin that keeps notes, and misbehaves where it is asked to. Linked in, not loaded. */
#ifndef LUCID_TESTS_API_PLUGIN_NOTES_H
#define LUCID_TESTS_API_PLUGIN_NOTES_H

#include <lucid/plugin.h>
#include <semaphore.h>
#include <stdatomic.h>

extern const struct lucid_plugin notes_plugin;

/* What the handler of POST /v1/notes-slow does with its workers: it tells that it has begun, and
 * waits. */
struct notes_self {
    sem_t begun;
    sem_t go_on;
    _Atomic unsigned slow_calls;
    _Atomic unsigned answered;
};

#endif
