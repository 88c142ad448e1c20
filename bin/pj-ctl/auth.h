/* --server: an app's name and password become a token (PowerJob's OpenAPI). */
#ifndef PJ_CTL_AUTH_H
#define PJ_CTL_AUTH_H

#include "ctl.h"

/* Sets base, app_header and token_header. ERR_AUTH, ERR_NOTFOUND, ERR_USAGE (no password, bad URL), ERR_UNAVAILABLE. */
int auth_login(struct ctl *c, struct err *e);

#endif
