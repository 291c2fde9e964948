/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a camera reads from the rows of a QR code. They are drawn as a terminal draws them, and zbarimg is the camera. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "term/qr.h"

#define SIDE_MAX 200 /* modules */
#define PIXELS 4     /* a module's side */
#define QUIET 4
#define ROWS_MAX (1 << 20)

#define TICKET_LEN 216

enum { UNKNOWN, LIGHT, DARK }; /* the terminal's own colours are not known */

struct picture {
    int width, height;
    uint8_t modules[SIDE_MAX][SIDE_MAX];
};

/* A sequence that selects colours: what this code may use of them. Returns what is behind it. */
static const char *select_colours(const char *at, int *front, int *back)
{
    if (strncmp(at, "\033[0m", 4) == 0) {
        *front = *back = UNKNOWN;
        return at + 4;
    }
    assert_memory_equal(at, "\033[38;5;16;48;5;231m", 19); /* black on white in every palette of 256 */
    *front = DARK;
    *back = LIGHT;
    return at + 19;
}

/* A cell with a block, of which the upper and the lower half may be in the front's colour. */
static const char *draw(const char *at, int front, int back, struct picture *picture, int x)
{
    static const struct {
        const char *text;
        bool upper, lower;
    } blocks[] = {
        {" ", false, false}, {"\u2580", true, false}, {"\u2584", false, true}, {"\u2588", true, true}};

    assert_in_range(x, 0, SIDE_MAX - 1);
    assert_in_range(picture->height, 0, SIDE_MAX - 2);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (strncmp(at, blocks[i].text, strlen(blocks[i].text)) != 0)
            continue;
        picture->modules[picture->height][x] = (uint8_t)(blocks[i].upper ? front : back);
        picture->modules[picture->height + 1][x] = (uint8_t)(blocks[i].lower ? front : back);
        return at + strlen(blocks[i].text);
    }
    fail_msg("no block: %.8s", at);
    return at;
}

static void draw_rows(const char *rows, struct picture *picture)
{
    int front = UNKNOWN, back = UNKNOWN, x = 0;

    memset(picture, 0, sizeof *picture);
    while (*rows) {
        if (*rows == '\033') {
            rows = select_colours(rows, &front, &back);
        } else if (*rows == '\n') {
            assert_int_equal(back, UNKNOWN); /* or the rest of the row would be filled */
            assert_true(picture->width == 0 || picture->width == x);
            picture->width = x;
            picture->height += 2;
            x = 0;
            rows++;
        } else {
            rows = draw(rows, front, back, picture, x++);
        }
    }
    assert_int_equal(x, 0);
}

/* The rows are full blocks, of two modules each: below the last there may be half a row more of quiet zone. */
static void check_shape(const struct picture *picture)
{
    assert_in_range(picture->height - picture->width, 0, 1);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            bool quiet = y < QUIET || x < QUIET || y >= picture->width - QUIET || x >= picture->width - QUIET;
            assert_int_not_equal(picture->modules[y][x], UNKNOWN);
            assert_true(!quiet || picture->modules[y][x] == LIGHT);
        }
}

/* As a portable graymap, with the terminal around it in grey. */
static void save(const struct picture *picture, FILE *file)
{
    int side = (picture->width + 8) * PIXELS, lines = (picture->height + 8) * PIXELS;

    fprintf(file, "P5\n%d %d\n255\n", side, lines);
    for (int y = 0; y < lines; y++)
        for (int x = 0; x < side; x++) {
            int row = y / PIXELS - 4, column = x / PIXELS - 4;
            bool inside = row >= 0 && row < picture->height && column >= 0 && column < picture->width;
            int shade = inside ? picture->modules[row][column] : UNKNOWN;
            putc(shade == LIGHT ? 255 : shade == DARK ? 0 : 128, file);
        }
}

static void see(const struct picture *picture, char *text, size_t max)
{
    char path[] = "/tmp/yodel-qr-XXXXXX", command[128];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    save(picture, file);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "zbarimg -q --raw -Sdisable -Sqrcode.enable '%s' 2>/dev/null", path);
    FILE *camera = popen(command, "r");
    assert_non_null(camera);
    text[fread(text, 1, max - 1, camera)] = '\0';
    pclose(camera);
    unlink(path);
    text[strcspn(text, "\n")] = '\0';
}

static int rows_of(const char *text, int columns, char **rows)
{
    struct buf buf;

    buf_init(&buf, ROWS_MAX);
    int result = qr_rows(text, &buf, columns);
    *rows = buf_len(&buf) > 0 ? strndup((const char *)buf_bytes(&buf), buf_len(&buf)) : strdup("");
    buf_done(&buf);
    return result;
}

static void check(const char *text)
{
    struct picture picture;
    char *rows, seen[4096], upper[4096];
    size_t len = strlen(text);

    int columns = rows_of(text, SIDE_MAX, &rows);
    draw_rows(rows, &picture);
    free(rows);
    assert_int_equal(columns, picture.width);
    check_shape(&picture);
    for (size_t i = 0; i <= len; i++)
        upper[i] = (char)toupper((unsigned char)text[i]);
    see(&picture, seen, sizeof seen);
    assert_string_equal(seen, upper);
}

static bool have_camera(void)
{
    return system("command -v zbarimg >/dev/null") == 0;
}

static void a_camera_reads_it(void **state)
{
    char ticket[TICKET_LEN + 1] = "yodel://";

    (void)state;
    if (!have_camera()) {
        print_message("# skip: no zbarimg here\n");
        skip();
    }
    check("y");
    check("YODEL://ABC234");
    check("spaces, and \"quotes\" + 100% plain");
    for (size_t i = strlen(ticket); i < TICKET_LEN; i++)
        ticket[i] = "abcdefghijklmnopqrstuvwxyz234567"[(i * i + 7 * i / 3) % 32];
    check(ticket);
    ticket[TICKET_LEN - 1] = '\0'; /* codes of other sizes */
    check(ticket);
    ticket[60] = '\0';
    check(ticket);
}

static void a_ticket_fits_a_terminal(void **state)
{
    char ticket[TICKET_LEN + 1] = "yodel://", *rows;
    int lines = 0;

    (void)state;
    memset(ticket + strlen(ticket), 'x', TICKET_LEN - strlen(ticket));
    int columns = rows_of(ticket, 80, &rows);
    assert_in_range(columns, 21, 80);
    for (const char *at = rows; *at; at++)
        lines += *at == '\n';
    free(rows);
    assert_int_equal(lines, (columns + 1) / 2);
    assert_int_equal(columns, 53);
    assert_int_equal(rows_of(ticket, columns, &rows), columns);
    free(rows);
    assert_int_equal(rows_of(ticket, columns - 1, &rows), -ERR_RANGE);
    assert_string_equal(rows, "");
    free(rows);
}

static void what_does_not_fit_is_refused(void **state)
{
    char big[5001] = "", *rows;
    struct buf small;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    assert_int_equal(rows_of(big, 100000, &rows), -ERR_RANGE);
    free(rows);
    assert_int_equal(rows_of("", 100, &rows), -ERR_RANGE);
    free(rows);
    buf_init(&small, 100);
    assert_int_equal(qr_rows("yodel://x", &small, 80), -ERR_FULL);
    buf_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_camera_reads_it),
        cmocka_unit_test(a_ticket_fits_a_terminal),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests_name("qr", tests, NULL, NULL);
}
