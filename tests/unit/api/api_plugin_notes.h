/* A plugin that keeps notes, and misbehaves where it is asked to: linked into unit tests, and as a
 * module (notes.so, where notes_plugin is lucid_plugin) for the end-to-end test of what is sold. */
#ifndef LUCID_TESTS_API_PLUGIN_NOTES_H
#define LUCID_TESTS_API_PLUGIN_NOTES_H

#include <lucid/plugin.h>
#include <semaphore.h>
#include <stdatomic.h>

#ifndef notes_plugin /* as a module it has the name that <lucid/plugin.h> declares */
extern const struct lucid_plugin notes_plugin;
#endif

/* What the handler of POST /v1/notes-slow does with its workers: it tells that it has begun, and
 * waits. */
struct notes_self {
    sem_t begun;
    sem_t go_on;
    _Atomic unsigned slow_calls;
    _Atomic unsigned answered;
};

#endif
