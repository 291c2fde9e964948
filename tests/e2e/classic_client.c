/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client as the classic tutorials have it: read a line, write it, read the answer, print it. It checks nothing that
 * they do not check and lets the socket be as the system makes it. Usage: classic_client ADDRESS PORT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    char line[1024];
    char answer[1024];

    if (argc != 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        return EXIT_FAILURE;
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    int sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (sock < 0)
        give_up("socket");
    if (connect(sock, (struct sockaddr *)&server, sizeof server) < 0)
        give_up("connect");
    while (fgets(line, sizeof line, stdin)) {
        memset(answer, 0, sizeof answer);
        if (write(sock, line, strlen(line)) < 0)
            give_up("write");
        if (read(sock, answer, sizeof answer - 1) <= 0)
            give_up("read");
        fputs(answer, stdout);
        fflush(stdout);
    }
    close(sock);
    return EXIT_SUCCESS;
}
