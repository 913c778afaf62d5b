/* Shared by the files of the configuration: the table of keys (config.c) and who reads it. */
#ifndef LUCID_LUCIDD_CONFIG_INTERNAL_H
#define LUCID_LUCIDD_CONFIG_INTERNAL_H

#include "lucidd/config.h"

#define CONFIG_NAME_BYTES_MAX 64

enum config_key_type { KEY_TEXT, KEY_UINT, KEY_BOOL };

struct config_key {
    const char *name;
    enum config_key_type type;
    size_t offset; /* in struct config */
    const char *initial;
    uint64_t min;
    uint64_t max;
    const char *help;
};

/* The key at that place of the table; NULL beyond it. */
const struct config_key *config_key_at(size_t at);

/* Finds a key by name, with '-' taken for '_', and '_' also for '.'; NULL: there is none. */
const struct config_key *config_key_find(const char *name, size_t len);

/* Sets a key from its text. LUCID_REFUSE_INVALID. */
enum lucid_error config_key_set(struct config *config, const struct config_key *key,
                                const char *text, struct lucid_why *why) LUCID_WARN_UNUSED;

/* LUCID_REFUSE_INVALID: "NAME TEXT". */
enum lucid_error config_refuse_value(struct lucid_why *why, const char *name, const char *text);

/* Judges all keys together. LUCID_REFUSE_INVALID. */
enum lucid_error config_check_whole(const struct config *config,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
