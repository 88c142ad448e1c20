/* Every bound of pj in one place. Sizes in bytes, times in ms. */
#ifndef PJ_BASE_LIMITS_H
#define PJ_BASE_LIMITS_H

/* Requests */
#define LIMIT_HTTP_BODY (8 * 1024 * 1024)      /* a request to a server or worker port */
#define LIMIT_HTTP_HEADERS (16 * 1024)
#define LIMIT_HTTP_CONNECTIONS 4096            /* open connections of one listener */
#define LIMIT_WORKER_CONNECTIONS 24000         /* of pj-serverd's port for workers: each holds one */
#define LIMIT_HTTP_REQUEST_MS 30000            /* from the first byte of a request to its last */
#define LIMIT_HTTP_IDLE_MS 300000              /* keep-alive; Java workers pool for 75 s (protocol.md 2.1) */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_TURN_MS 30                       /* one turn of a loop takes at most about this much work */

/* Texts */
#define LIMIT_NAME 255                         /* app and job names */
#define LIMIT_TEXT (256 * 1024)                /* jobParams, instanceParams, a script */
#define LIMIT_RESULT 8096                      /* an instance's result (protocol.md 8.1), then "..." */
#define LIMIT_LOG_LINE (64 * 1024)             /* one piece of a log line */
#define LIMIT_SPEC (1024 * 1024)               /* a run's spec from pj-workerd to pj-run */

/* Files */
#define LIMIT_CONFIG (1024 * 1024)
#define LIMIT_SOCKET_PATH 107                  /* sizeof sun_path - 1 */
#define SLOT_SIZE (16 * 1024)                  /* a slot file */

#endif
