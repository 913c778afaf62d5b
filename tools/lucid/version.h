/* The program's version; the build passes it (meson.build of the project). */
#ifndef LUCID_TOOLS_VERSION_H
#define LUCID_TOOLS_VERSION_H

#ifndef LUCID_VERSION
#define LUCID_VERSION "unversioned"
#endif

#endif
