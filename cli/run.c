/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c: `mxward run`: arguments to one call. All else is the master's.
 */
#include "cli/cli.h"

#include <stddef.h>

#include "cli/options.h"
#include "proxy/config.h"
#include "proxy/master.h"

static const struct cli_help help = {
    "run",
    "[-c FILE]",
    "Runs the proxy in the foreground until SIGTERM or SIGINT. SIGHUP loads everything anew, all or nothing;\n"
    "SIGUSR1 opens the record file anew.",
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n",
    "  mxward run -c /etc/mxward/mxward.conf",
};

int cli_run(int argc, char **argv)
{
    const char *config = CONFIG_DEFAULT_PATH;
    struct cli_option options[] = { { 'c', "config", &config, NULL }, { 0 } };
    int code = cli_parse(argc, argv, &help, options, NULL);

    return code >= 0 ? code : master_run(config);
}
