/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/stats.h"

void stats_close(struct stats *stats, const struct tally *tally, enum hand_reason reason)
{
    stats->bytes_in += tally_read(&tally->in);
    stats->bytes_out += tally_read(&tally->out);
    stats->closed[reason < HAND_REASONS ? reason : HAND_ERROR]++;
}
