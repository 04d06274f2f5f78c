/* library.c -- see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static void *open_any(const struct library *l, struct err *e)
{
    void *handle = dlopen(l->name, RTLD_NOW | RTLD_LOCAL);
    struct err none;

    if (handle)
        return handle;
    err_set(&none, -EIO, "%s: %s", l->why, dlerror());
    err_hint(&none, "%s", l->hint);
    handle = l->other ? dlopen(l->other, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (handle == NULL && e)
        *e = none;
    return handle;
}

int library_load(struct library *l, struct err *e)
{
    void *handle;

    if (l->loaded)
        return 0;
    if ((handle = open_any(l, e)) == NULL)
        return -EIO;
    for (size_t i = 0; i < l->symbols; i++) {
        void *symbol = dlsym(handle, l->symbol[i].name);

        if (symbol == NULL) {
            err_set(e, -EIO, "%s: there is one that is too old: it has no %s", l->why,
                    l->symbol[i].name);
            err_hint(e, "%s", l->hint);
            return -EIO;
        }
        memcpy(l->symbol[i].place, &symbol, sizeof symbol);
    }
    l->loaded = true;
    return 0;
}
