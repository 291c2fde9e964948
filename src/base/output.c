/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sink.h"

struct output {
    struct sink sink;
    int given; /* the caller's descriptor */
    struct buf queue;
};

struct output *output_new(int fd, size_t max)
{
    struct output *output = calloc(1, sizeof *output);

    if (!output) {
        err_say("out of memory");
        exit(EXIT_SYSTEM);
    }
    sink_open(&output->sink, fd);
    output->given = fd;
    buf_init(&output->queue, max);
    return output;
}

void output_free(struct output *output)
{
    if (!output)
        return;
    if (output->sink.fd != output->given)
        close(output->sink.fd);
    buf_done(&output->queue);
    free(output);
}

int output_flush(struct output *output)
{
    while (buf_len(&output->queue) > 0) {
        ssize_t count =
            sink_put(&output->sink, (const char *)buf_bytes(&output->queue), buf_len(&output->queue));
        if (count < 0)
            return (int)count;
        buf_consume(&output->queue, (size_t)count);
    }
    return 0;
}

int output_write(struct output *output, const void *bytes, size_t len)
{
    int error = output_flush(output);

    if (error && error != -EAGAIN)
        return error;
    if (buf_append(&output->queue, bytes, len) < 0)
        return -EAGAIN;
    error = output_flush(output);
    return error == -EAGAIN ? 0 : error;
}

void output_clear(struct output *output)
{
    buf_consume(&output->queue, buf_len(&output->queue));
}

size_t output_waiting(const struct output *output)
{
    return buf_len(&output->queue);
}

int output_fd(const struct output *output)
{
    return buf_len(&output->queue) > 0 ? output->sink.fd : -1;
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
