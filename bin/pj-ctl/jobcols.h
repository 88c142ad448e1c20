/* How jobs are shown. */
#ifndef PJ_CTL_JOBCOLS_H
#define PJ_CTL_JOBCOLS_H

#include "out.h"

extern const struct out_column jobcols[];

#endif
