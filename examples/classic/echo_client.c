/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of the tutorials: read a line, write it to the server, read the answer, print it. What it teaches:
 * connect, and that the two ends take turns.
 *
 * usage: echo_client [PORT [ADDRESS]]      5188 at 127.0.0.1 unless told
 *
 * Wrong on purpose: it takes what one read() returns for the answer, it hears nothing from the server while it waits for
 * the keyboard, and it knows lines only as strings and addresses only as four numbers. */
#include <arpa/inet.h>
#include <netinet/in.h>
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

int main(int argc, char **argv)
{
    char line[1024];
    char answer[1024];

    setbuf(stdout, NULL);
    int sock = connect_to(argc > 2 ? argv[2] : "127.0.0.1", (uint16_t)(argc > 1 ? atoi(argv[1]) : 5188));
    while (fgets(line, sizeof line, stdin)) {
        write(sock, line, strlen(line));
        memset(answer, 0, sizeof answer);
        if (read(sock, answer, sizeof answer - 1) <= 0) {
            printf("server left\n");
            break;
        }
        printf("answer: %s", answer);
    }
    close(sock);
    return EXIT_SUCCESS;
}
