/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chat of the tutorials, the side that calls: as chat_server.c, the other way round. The child reads the
 * socket and prints, the parent reads the keyboard and writes to the socket. The half that is done sends
 * SIGUSR1 to the other, which ends too.
 *
 * usage: chat_client [PORT [ADDRESS]]      5188 at 127.0.0.1 unless told
 *
 * Wrong on purpose: as chat_server.c, and it knows addresses only as four numbers. */
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

static int connect_to(const char *host, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int sock = socket(AF_INET, SOCK_STREAM, 0);

    if (sock < 0)
        die("socket");
    address.sin_addr.s_addr = inet_addr(host);
    if (connect(sock, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
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
    int sock = connect_to(argc > 2 ? argv[2] : "127.0.0.1", (uint16_t)(argc > 1 ? atoi(argv[1]) : 5188));
    signal(SIGUSR1, end);
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        socket_to_screen(sock);
        kill(getppid(), SIGUSR1);
    } else {
        keyboard_to_socket(sock);
        kill(child, SIGUSR1);
    }
    return EXIT_SUCCESS;
}
