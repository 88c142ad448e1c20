/* Messages between pj peers are signed: `X-PJ-Auth: 1 <ms> <hex HMAC-SHA256>` over
 * METHOD "\n" PATH-WITH-QUERY "\n" MS "\n" BODY under the key of etc/peer.key (64 hex digits, 0600). pj-protocol(7). */
#ifndef PJ_NET_PEER_H
#define PJ_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PEER_HEADER "X-PJ-Auth"

struct peer_key {
	unsigned char bytes[32];
};

/* Reads the key, making the file (0600) when it is missing. ERR_CONFIG: malformed, or readable by others. */
int peer_key_load(struct peer_key *k, const char *path, struct err *e);
/* Writes the whole header line "X-PJ-Auth: ..." into out[160]. */
void peer_sign(const struct peer_key *k, const char *method, const char *path, int64_t at_ms, const void *body, size_t len,
    char out[160]);
/* header NULL: 0 with *is_signed false. Signed and good: 0, true. Else -1: ERR_AUTH (wrong), with the skew in the message
 * when the time is off by more than max_skew_ms. */
int peer_verify(const struct peer_key *k, const char *header, const char *method, const char *path, int64_t now_ms,
    int64_t max_skew_ms, const void *body, size_t len, bool *is_signed, struct err *e);

#endif
