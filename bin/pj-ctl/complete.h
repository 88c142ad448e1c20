/* What may come next on a command line, for the shell's completion (etc/pj-ctl.bash). */
#ifndef PJ_CTL_COMPLETE_H
#define PJ_CTL_COMPLETE_H

#include "ctl.h"

/* words: the command line behind `pj-ctl`, the last one being written. Prints candidates,
 * one a line. Never complains. */
int complete_print(struct ctl *c, int n, char **words);

#endif
