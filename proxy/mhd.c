/* mhd.c -- see mhd.h. */
#include "mhd.h"

#include "library.h"

struct mhd mhd;

#define NAME_AND_PLACE(name) {"MHD_" #name, &mhd.name},
static const struct library_symbol symbols[] = {MHD_SYMBOLS(NAME_AND_PLACE)};

static struct library library = {
    .name = "libmicrohttpd.so.12",
    .why = "cannot serve HTTP without libmicrohttpd",
    .hint = "Debian and Ubuntu have it in the package libmicrohttpd12; --api off does "
            "without",
    .symbol = symbols,
    .symbols = sizeof symbols / sizeof *symbols,
};

LIBRARY_NOTE(library_note, "api", "the API and the health port of a proxy",
             "\"libmicrohttpd.so.12\"");

int mhd_load(struct err *e)
{
    return library_load(&library, e);
}
