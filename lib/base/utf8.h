/* What is UTF-8 and what is not. */
#ifndef PJ_BASE_UTF8_H
#define PJ_BASE_UTF8_H

#include <stddef.h>

/* Length of the UTF-8 sequence at s[0..left), left > 0: 1 to 4, 0 when there is no valid one: too short, overlong, a
 * surrogate half, or over U+10FFFF. NUL is a character of length 1. */
size_t utf8_length(const unsigned char *s, size_t left);

#endif
