/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/tally.h"

void tally_init(struct tally *tally)
{
    *tally = (struct tally){.rtt = hist_new()};
}

void tally_done(struct tally *tally)
{
    hist_free(tally->rtt);
    tally->rtt = NULL;
}

void tally_reply(struct tally *tally, int64_t rtt_ns, int64_t wait_ns, uint64_t wrong)
{
    if (wrong) {
        tally->corrupted++;
        return;
    }
    if (rtt_ns > wait_ns)
        tally->late++;
    else
        tally->received++;
    hist_record(tally->rtt, rtt_ns);
}

uint64_t tally_lost(const struct tally *tally)
{
    return tally->sent - tally->received - tally->late - tally->corrupted;
}

bool tally_clean(const struct tally *tally)
{
    return tally->sent > 0 && tally->received == tally->sent && tally->unsent == 0 && tally->stray_bytes == 0;
}
