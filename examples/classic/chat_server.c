/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chat of the tutorials, the side that waits. Two directions, so two processes: the child reads the keyboard
 * and writes to the socket, the parent reads the socket and prints. The half that is done sends SIGUSR1
 * to the other, which ends too.
 *
 * usage: chat_server [PORT]      5188 unless told; 0 takes a free one
 *
 * Wrong on purpose: the signal ends the other half whatever it is doing, a half that dies without sending it leaves the
 * other behind, a broken connection looks like a goodbye, what the peer sends goes to the terminal as it is, and a second
 * caller waits for ever. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void keyboard_to_socket(int sock)
{
    char text[1024];

    while (fgets(text, sizeof text, stdin))
        write(sock, text, strlen(text));
}

static void socket_to_screen(int sock)
{
    char text[1024];

    memset(text, 0, sizeof text);
    while (read(sock, text, sizeof text - 1) > 0) {
        fputs(text, stdout);
        memset(text, 0, sizeof text);
    }
    printf("peer left\n");
}

static void end(int number)
{
    (void)number;
    exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
    setbuf(stdout, NULL);
    int listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 5188));
    int conn = accept(listener, NULL, NULL);
    if (conn < 0)
        die("accept");
    signal(SIGUSR1, end);
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        keyboard_to_socket(conn);
        kill(getppid(), SIGUSR1);
    } else {
        socket_to_screen(conn);
        kill(child, SIGUSR1);
    }
    return EXIT_SUCCESS;
}
