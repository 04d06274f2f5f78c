/* error_texts.h -- Redis' errors: the first word, and the usual rest (Redis 7: server.c,
 * cluster.c). NULL: only the user can say it. No guard: see list.h. */
ERROR(ERR, "fault injected")
ERROR(LOADING, "Redis is loading the dataset in memory")
ERROR(READONLY, "You can't write against a read only replica.")
ERROR(OOM, "command not allowed when used memory > 'maxmemory'.")
ERROR(BUSY, "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
            "NOSAVE.")
ERROR(MASTERDOWN, "Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
ERROR(NOAUTH, "Authentication required.")
ERROR(NOPERM, "this user has no permissions to run this command")
ERROR(NOREPLICAS, "Not enough good replicas to write.")
ERROR(MISCONF, "Redis is configured to save RDB snapshots, but it's currently unable to "
               "persist to disk.")
ERROR(EXECABORT, "Transaction discarded because of previous errors.")
ERROR(CLUSTERDOWN, "The cluster is down")
ERROR(TRYAGAIN, "Multiple keys request during rehashing of slot")
ERROR(MOVED, NULL)
ERROR(ASK, NULL)
