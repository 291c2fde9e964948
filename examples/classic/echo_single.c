/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first server of a tutorial: it waits for a client, sends back what comes until the client leaves, and waits for
 * the next one. What it teaches: socket, bind, listen, accept, read, write.
 *
 * usage: echo_single [PORT]      5188 unless told; 0 takes a free one
 *
 * Wrong on purpose: it does not set SO_REUSEADDR, who comes second waits until the first has left, a
 * client that leaves too early ends it, and what it gets it prints as if it were a string. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof address;
    int sock = socket(AF_INET, SOCK_STREAM, 0);

    if (sock < 0)
        die("socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(sock, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(sock, SOMAXCONN) < 0)
        die("listen");
    if (getsockname(sock, (struct sockaddr *)&address, &len) < 0)
        die("getsockname");
    printf("listening on %s:%d\n", inet_ntoa(address.sin_addr), ntohs(address.sin_port));
    return sock;
}

static void serve(int conn)
{
    char text[1024] = "";
    ssize_t got;

    while ((got = read(conn, text, sizeof text)) > 0) {
        printf("received %zd bytes: %s", got, text);
        write(conn, text, (size_t)got);
    }
    printf("client left\n");
}

int main(int argc, char **argv)
{
    setbuf(stdout, NULL);
    int listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 5188));

    for (;;) {
        int conn = accept(listener, NULL, NULL);
        if (conn < 0)
            die("accept");
        serve(conn);
        close(conn);
    }
}
