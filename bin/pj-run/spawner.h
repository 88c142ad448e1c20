/* Forks a runner for every message on a socket (codec/frame.h), and tells when one ends. */
#ifndef PJ_RUN_SPAWNER_H
#define PJ_RUN_SPAWNER_H

/* Returns the exit code: 0 when the socket was closed, 76 after a message that is none, 71 after a system error. The
 * runners live on in any case. title: where ps finds our arguments, title_len bytes of it. */
int spawner_main(int fd, char *title, unsigned long title_len);

#endif
