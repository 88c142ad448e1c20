/* Prints the key table of pj.ini, a line a key: name, type, default, reloadable, help, with tabs between. */
#include <stdio.h>

#include "codec/config.h"

static void
print(const char *name, const char *type, const char *dflt, bool reloadable, const char *help, void *arg)
{
	printf("%s\t%s\t%s\t%s\t%s\n", name, type, dflt, reloadable ? "reloadable" : "fixed", help);
}

int
main(void)
{
	config_each(print, NULL);
	return 0;
}
