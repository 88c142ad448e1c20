/* How instances and their attempts are shown. */
#ifndef PJ_CTL_INSTCOLS_H
#define PJ_CTL_INSTCOLS_H

#include "out.h"

extern const struct out_column instcols[], instcols_attempt[], instcols_alarm[];

#endif
