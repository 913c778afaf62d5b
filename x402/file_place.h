/* Reading the operator's JSON files (networks, facilitators, clients): where the reader stands, and
 * what all of them refuse in the same words. Each is LUCID_REFUSE_INVALID, with the place as
 * why.param ("networks[0].rpc[1]"). Pure; any thread. */
#ifndef LUCID_X402_FILE_PLACE_H
#define LUCID_X402_FILE_PLACE_H

#include "base/error.h"
#include "base/jcs/jcs.h"

struct file_place {
    const char *list; /* NULL: the file's own object */
    size_t index;     /* in the list */
    struct lucid_why *why;
};

/* member "": the entry itself. */
enum lucid_error file_place_refuse(const struct file_place *place, const char *member,
                                   const char *format, ...) LUCID_PRINTF(3, 4);
/* Refuses a member that is not among the names. of: what has no such member, "" for nothing. */
enum lucid_error file_place_known(const struct file_place *place, const struct jcs_value *object,
                                  const char *of, const char *const *names,
                                  size_t count) LUCID_WARN_UNUSED;
/* A whole number within bounds; absent: fallback. */
enum lucid_error file_place_number(const struct file_place *place, const struct jcs_value *entry,
                                   const char *member, uint64_t fallback, uint64_t min,
                                   uint64_t max, uint64_t *ret) LUCID_WARN_UNUSED;
enum lucid_error file_place_bool(const struct file_place *place, const struct jcs_value *entry,
                                 const char *member, bool fallback, bool *ret) LUCID_WARN_UNUSED;

#endif
