/* mhd.h -- libmicrohttpd, loaded when somebody is to be served over HTTP.
 *
 * It brings GnuTLS and seven more, which a proxy without the API and its health port need
 * not carry. mhd.run is MHD_run, and so on.
 */
#ifndef MHD_H
#define MHD_H

#include <microhttpd.h>

#include "err.h"

#define MHD_SYMBOLS(X)                                                                   \
    X(add_connection)                                                                    \
    X(add_response_header)                                                               \
    X(create_response_from_buffer)                                                       \
    X(create_response_from_callback)                                                     \
    X(destroy_response)                                                                  \
    X(get_connection_values)                                                             \
    X(get_daemon_info)                                                                   \
    X(get_timeout)                                                                       \
    X(get_version)                                                                       \
    X(lookup_connection_value)                                                           \
    X(queue_response)                                                                    \
    X(resume_connection)                                                                 \
    X(run)                                                                               \
    X(start_daemon)                                                                      \
    X(stop_daemon)                                                                       \
    X(suspend_connection)

#define MHD_MEMBER(name) __typeof__(MHD_##name) *name;
struct mhd {
    MHD_SYMBOLS(MHD_MEMBER)
};
#undef MHD_MEMBER

extern struct mhd mhd; /* all NULL until mhd_load has answered 0 */

/* As library_load. */
int mhd_load(struct err *e) MUST_CHECK;

#endif
