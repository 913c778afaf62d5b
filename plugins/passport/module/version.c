/* Alone, so that a build can be given another one. */
#include "plugins/passport/module/module.h"

const char passport_version[] = PASSPORT_VERSION;
