/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"

#define QUIET 4

/* Black on white: of the 256 colours, whose values themes do not change as they do with the first 16. */
#define LOOK_ON "\033[38;5;16;48;5;231m"
#define LOOK_OFF "\033[0m\n"

/* Whether the module there is dark; the quiet zone is light. */
static bool is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return code->data[y * code->width + x] & 1;
}

static int append(struct buf *rows, const char *text)
{
    return buf_append(rows, text, strlen(text));
}

/* Two rows of modules, the upper one's number given. */
static int append_row(struct buf *rows, const QRcode *code, int y)
{
    static const char *const blocks[] = {" ", "\u2584", "\u2580", "\u2588"};
    int error = append(rows, LOOK_ON);

    for (int x = -QUIET; x < code->width + QUIET && !error; x++)
        error = append(rows, blocks[2 * is_dark(code, x, y) + is_dark(code, x, y + 1)]);
    return error ? error : append(rows, LOOK_OFF);
}

int qr_rows(const char *text, struct buf *rows, int columns)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0);
    int error = 0;

    if (!code)
        return errno == ENOMEM ? -ENOMEM : -ERR_RANGE;
    int width = code->width + 2 * QUIET;
    if (width > columns)
        error = -ERR_RANGE;
    for (int y = -QUIET; y < code->width + QUIET && !error; y += 2)
        error = append_row(rows, code, y);
    QRcode_free(code);
    return error ? error : width;
}
