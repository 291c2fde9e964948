/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sink.h"

struct output {
    struct sink sink;
    size_t begin, end; /* of what waits in the queue */
    char queue[OUTPUT_QUEUE_MAX];
};

struct output *output_new(void)
{
    struct output *output = calloc(1, sizeof *output);

    if (!output) {
        err_say("out of memory");
        exit(EXIT_SYSTEM);
    }
    sink_open(&output->sink, STDOUT_FILENO);
    return output;
}

void output_free(struct output *output)
{
    if (output && output->sink.fd != STDOUT_FILENO)
        close(output->sink.fd);
    free(output);
}

int output_flush(struct output *output)
{
    while (output->begin < output->end) {
        size_t len = output->end - output->begin;
        if (len > SINK_RECORD_MAX)
            len = SINK_RECORD_MAX;
        int error = sink_write(&output->sink, output->queue + output->begin, len);
        if (error)
            return error;
        output->begin += len - output->sink.held; /* of a record that was only begun the rest stays here */
        output->sink.held = 0;
    }
    output->begin = output->end = 0;
    return 0;
}

int output_write(struct output *output, const char *text, size_t len)
{
    int error = output_flush(output);

    if (error && error != -EAGAIN)
        return error;
    if (len > OUTPUT_QUEUE_MAX - (output->end - output->begin))
        return -EAGAIN;
    if (len > OUTPUT_QUEUE_MAX - output->end) {
        memmove(output->queue, output->queue + output->begin, output->end - output->begin);
        output->end -= output->begin;
        output->begin = 0;
    }
    memcpy(output->queue + output->end, text, len);
    output->end += len;
    error = output_flush(output);
    return error == -EAGAIN ? 0 : error;
}

int output_fd(const struct output *output)
{
    return output->begin < output->end ? output->sink.fd : -1;
}

int output_wait(const struct output *output, int wake_fd, int64_t deadline_ns)
{
    struct pollfd fds[] = {{.fd = output_fd(output), .events = POLLOUT}, {.fd = wake_fd, .events = POLLIN}};
    int64_t left_ns = deadline_ns - clock_ns();
    struct timespec timeout = {0};

    if (left_ns > 0)
        timeout = (struct timespec){.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    int count = ppoll(fds, 2, deadline_ns == INT64_MAX ? NULL : &timeout, NULL);
    if (count == 0)
        return -ERR_TIMEOUT;
    return count > 0 && fds[1].revents ? -EINTR : 0;
}
