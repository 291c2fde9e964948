/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/ledger.h"

#include <sys/wait.h>

#include "net/addr.h"

static const char *const pauses[PAUSES] = {
    [PAUSE_NONE] = "none",           [PAUSE_MAX_CONNS] = "max-conns", [PAUSE_DESCRIPTORS] = "descriptors",
    [PAUSE_PROCESSES] = "processes", [PAUSE_MEMORY] = "memory",       [PAUSE_LISTENER] = "listener",
};

bool ledger_begin(struct ledger *ledger, enum ledger_level level, struct log_line *line, const char *event)
{
    if (ledger->level < level)
        return false;
    log_begin(line, ledger->log, event);
    return true;
}

static void add_guest(struct log_line *line, const struct guest *guest)
{
    char host[ADDR_TEXT_MAX];

    log_str(line, "ip", addr_print_host16(&guest->host, host));
    log_num(line, "port", guest->port);
}

bool ledger_admit(struct ledger *ledger, const struct guest *guest)
{
    struct log_line line;

    if (!ledger->limit || limit_take(ledger->limit, &guest->host)) {
        ledger->total.accepted++;
        ledger->conns++;
        return true;
    }
    ledger->refused++;
    if (ledger_begin(ledger, LEDGER_NORMAL, &line, "refused")) {
        add_guest(&line, guest);
        log_str(&line, "reason", "max-conns-per-ip");
        log_end(&line, ledger->log);
    }
    return false;
}

void ledger_open(struct ledger *ledger, const struct guest *guest, uint32_t id, int worker, pid_t pid)
{
    struct log_line line;

    if (!ledger_begin(ledger, LEDGER_NORMAL, &line, "open"))
        return;
    add_guest(&line, guest);
    log_num(&line, "id", id);
    if (worker >= 0)
        log_num(&line, "worker", worker);
    log_num(&line, "pid", pid);
    log_num(&line, "conns", ledger->conns);
    log_end(&line, ledger->log);
}

void ledger_close(struct ledger *ledger, const struct guest *guest, uint32_t id, const struct tally *tally,
                  enum hand_reason reason, struct stats *worker_stats, int64_t now_ms)
{
    struct log_line line;

    stats_close(&ledger->total, tally, reason);
    if (worker_stats)
        stats_close(worker_stats, tally, reason);
    ledger->conns--;
    if (ledger->limit)
        limit_drop(ledger->limit, &guest->host);
    if (!ledger_begin(ledger, LEDGER_NORMAL, &line, "close"))
        return;
    add_guest(&line, guest);
    log_num(&line, "id", id);
    log_num(&line, "bytes_in", (int64_t)tally_read(&tally->in));
    log_num(&line, "bytes_out", (int64_t)tally_read(&tally->out));
    log_num(&line, "ms", now_ms - guest->opened_ms);
    log_str(&line, "reason", hand_reason_text(reason));
    log_num(&line, "conns", ledger->conns);
    log_end(&line, ledger->log);
}

void ledger_pause(struct ledger *ledger, enum ledger_pause pause, int64_t now_ms)
{
    struct log_line line;

    if (pause == ledger->pause)
        return;
    if (pause == PAUSE_NONE) {
        ledger->pause = PAUSE_NONE;
        if (ledger_begin(ledger, LEDGER_QUIET, &line, "resumed")) {
            log_num(&line, "conns", ledger->conns);
            log_end(&line, ledger->log);
        }
        return;
    }
    int64_t told_ms = ledger->pause_told_ms[pause];
    if (told_ms && now_ms - told_ms < LEDGER_PAUSE_INTERVAL_MS)
        return;
    ledger->pause = pause;
    ledger->pause_told_ms[pause] = now_ms;
    if (ledger_begin(ledger, LEDGER_QUIET, &line, "paused")) {
        log_str(&line, "reason", pauses[pause]);
        log_num(&line, "conns", ledger->conns);
        log_end(&line, ledger->log);
    }
}

void ledger_worker(struct ledger *ledger, uint32_t worker, pid_t pid)
{
    struct log_line line;

    if (!ledger_begin(ledger, LEDGER_NORMAL, &line, "worker"))
        return;
    log_num(&line, "worker", worker);
    log_num(&line, "pid", pid);
    log_end(&line, ledger->log);
}

static void add_end(struct log_line *line, pid_t pid, int status)
{
    log_num(line, "pid", pid);
    log_num(line, WIFSIGNALED(status) ? "signal" : "status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void ledger_death(struct ledger *ledger, uint32_t worker, pid_t pid, int status, uint32_t conns)
{
    struct log_line line;

    if (!ledger_begin(ledger, LEDGER_QUIET, &line, "died"))
        return;
    log_num(&line, "worker", worker);
    add_end(&line, pid, status);
    log_num(&line, "conns", conns);
    log_end(&line, ledger->log);
}

void ledger_exit(struct ledger *ledger, pid_t pid, int status)
{
    struct log_line line;

    if (!ledger_begin(ledger, LEDGER_VERBOSE, &line, "exit"))
        return;
    add_end(&line, pid, status);
    log_end(&line, ledger->log);
}

void ledger_note(struct ledger *ledger, const struct hand_note *note, pid_t pid)
{
    static const char *const kinds[] = {
        [HAND_TAKE] = "take", [HAND_CONFIRM] = "confirm", [HAND_REFUSE] = "refuse", [HAND_CLOSED] = "closed"};
    struct log_line line;

    if (!ledger_begin(ledger, LEDGER_VERBOSE, &line, "note"))
        return;
    log_str(&line, "kind",
            note->kind >= HAND_TAKE && note->kind <= HAND_CLOSED ? kinds[note->kind] : "unknown");
    log_num(&line, "id", note->id);
    log_num(&line, "pid", pid);
    log_end(&line, ledger->log);
}

void ledger_totals(struct ledger *ledger, struct log_line *line, const struct tally *live)
{
    const struct stats *total = &ledger->total;

    log_num(line, "conns", ledger->conns);
    log_num(line, "accepted", (int64_t)total->accepted);
    log_num(line, "refused", (int64_t)ledger->refused);
    log_num(line, "bytes_in", (int64_t)(total->bytes_in + tally_read(&live->in)));
    log_num(line, "bytes_out", (int64_t)(total->bytes_out + tally_read(&live->out)));
    for (int reason = 0; reason < HAND_REASONS; reason++)
        log_num(line, hand_reason_text(reason), (int64_t)total->closed[reason]);
    log_num(line, "accept_errors", (int64_t)ledger->accept_errors);
    log_num(line, "log_dropped", (int64_t)ledger->log->dropped);
    log_num(line, "print_dropped",
            (int64_t)atomic_load_explicit(&ledger->shared->print_dropped, memory_order_relaxed));
}
