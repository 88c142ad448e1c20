/* Small durable facts of server.db: the last instance id, the secret that signs tokens. */
#ifndef PJ_STORE_META_H
#define PJ_STORE_META_H

#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"

int meta_get(struct db *db, const char *key, struct buf *out, struct err *e); /* ERR_NOTFOUND */
int meta_set(struct db *db, const char *key, const char *value, struct err *e);

#endif
