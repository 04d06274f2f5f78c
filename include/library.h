/* library.h -- a library that is loaded when it is first needed, not when we start.
 *
 * For what many who run us never use, and would carry with all that it brings. It stays
 * for good: what is behind it ends with the process, by functions of its own.
 *
 * Who has a struct library also has a LIBRARY_NOTE: ldd cannot see what is loaded so.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct library_symbol {
    const char *name;  /* "curl_easy_init" */
    void       *place; /* of the pointer to it; NULL until it is loaded */
};

struct library {
    const char *name, *other; /* "libcurl.so.4"; what does as well, or NULL */
    const char *why;          /* "cannot ask a proxy without libcurl" */
    const char *hint;         /* what to install */
    const struct library_symbol *symbol;
    size_t                       symbols;
    bool                         loaded; /* private; false */
};

/* Load it, unless it is. 0, or -EIO and *e; e may be NULL. */
int library_load(struct library *l, struct err *e) MUST_CHECK;

/* Says in the program what a struct library says at run time, as the ELF metadata for
 * dlopen of the UAPI group have it: for those who make packages, and k8s/closure. */
#define LIBRARY_NOTE(id, feature, about, names)                                          \
    LIBRARY_NOTE_OF(id, "[{\"feature\":\"" feature "\",\"description\":\"" about         \
                        "\",\"priority\":\"recommended\",\"soname\":[" names "]}]")

#define LIBRARY_NOTE_OF(id, text)                                                        \
    static const struct {                                                                \
        uint32_t owner_size, note_size, type;                                            \
        char     owner[4], note[sizeof text];                                            \
    } id __attribute__((used, section(".note.dlopen"), aligned(4))) = {                  \
        4, sizeof text, 0x407c0c0a, "FDO", text}

#endif
