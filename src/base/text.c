/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/* Characters that are valid and yet must not reach a screen: C1 controls, format characters (bidirectional overrides
 * and isolates, zero width, tags), line and paragraph separators, variation of what is printable by private
 * agreement, noncharacters. */
static const struct {
    uint32_t first;
    uint32_t last;
} unsafe[] = {
    {0x80, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},      {0x180e, 0x180e}, {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xf8ff},    {0xfdd0, 0xfdef}, {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
};

static bool is_safe(uint32_t character)
{
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (character >= unsafe[i].first && character <= unsafe[i].last)
            return false;
    return true;
}

size_t text_decode(const uint8_t *bytes, size_t len, uint32_t *character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = bytes[0] >= 0xf0 && bytes[0] <= 0xf4   ? 4
                  : bytes[0] >= 0xe0 && bytes[0] <= 0xef ? 3
                  : bytes[0] >= 0xc2 && bytes[0] <= 0xdf ? 2
                                                         : 0;
    if (bytes[0] < 0x80) {
        *character = bytes[0];
        return 1;
    }
    if (need == 0 || need > len)
        return 0;
    *character = bytes[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (bytes[i] & 0x3f);
    }
    bool surrogate = *character >= 0xd800 && *character <= 0xdfff;
    return *character >= smallest[need] && *character <= 0x10ffff && !surrogate ? need : 0;
}

static size_t escape(uint8_t byte, char *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char named[] = "\nn\rr\tt\\\\";

    for (const char *name = named; *name; name += 2) {
        if ((uint8_t)*name == byte) {
            out[0] = '\\';
            out[1] = name[1];
            return 2;
        }
    }
    memcpy(out, "\\x", 2);
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return 4;
}

size_t text_unit(const uint8_t *bytes, size_t len, char out[static TEXT_UNIT_MAX], size_t *out_len)
{
    uint32_t character = 0;

    if (bytes[0] >= ' ' && bytes[0] < 0x7f && bytes[0] != '\\') {
        out[0] = (char)bytes[0];
        *out_len = 1;
        return 1;
    }
    size_t used = bytes[0] < 0x80 ? 0 : text_decode(bytes, len, &character);
    if (used && is_safe(character)) {
        memcpy(out, bytes, used);
        *out_len = used;
        return used;
    }
    *out_len = escape(bytes[0], out);
    return 1;
}
