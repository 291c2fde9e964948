/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server of the tutorials: a child for each client sends back what comes until the client leaves.
 * What it teaches: SO_REUSEADDR, fork, which process closes what, and, with the options, SIGCHLD.
 *
 * usage: echo_server [-k | -w | -i] [PORT]      5188 unless told; 0 takes a free one
 *   -k  keep: the parent forgets to close its copy of the connection
 *   -w  wait: collect a child at each SIGCHLD, with signal()
 *   -i  interrupt: the same with sigaction(), and without SA_RESTART
 *
 * Wrong on purpose: without an option nobody collects the children, with -w not all of them, and with -i the first that
 * ends takes the server along. Any number of clients may come and stay, any error ends everything, the children do not
 * notice when the parent ends, and what comes in is printed as if it were a string. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
    int on = 1;
    int sock = socket(AF_INET, SOCK_STREAM, 0);

    if (sock < 0)
        die("socket");
    if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        die("setsockopt");
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

static void collect(int number)
{
    (void)number;
    wait(NULL);
}

int main(int argc, char **argv)
{
    bool keep = false;
    int option;

    setbuf(stdout, NULL);
    while ((option = getopt(argc, argv, "kwi")) != -1) {
        struct sigaction action = {.sa_handler = collect};

        if (option == 'k')
            keep = true;
        else if (option == 'w')
            signal(SIGCHLD, collect);
        else if (option == 'i')
            sigaction(SIGCHLD, &action, NULL);
        else
            return 2;
    }
    int listener = listen_on((uint16_t)(optind < argc ? atoi(argv[optind]) : 5188));

    for (;;) {
        int conn = accept(listener, NULL, NULL);
        if (conn < 0)
            die("accept");
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            close(listener);
            serve(conn);
            exit(EXIT_SUCCESS);
        }
        if (!keep)
            close(conn);
    }
}
