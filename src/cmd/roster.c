/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/roster.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/err.h"
#include "base/text.h"

#define TIME_MAX 32
#define WHERE_MAX (PLACE_HOST_MAX + 32)

struct list {
    struct contact *contacts;
    int count;
    int size;
};

/* --- pieces */

static const char *state_of(const struct contact *contact)
{
    return contact->blocked ? "blocked" : contact->verified ? "verified" : "unverified";
}

static const char *print_time(int64_t time_s, char text[static TIME_MAX])
{
    time_t when = (time_t)time_s;
    struct tm local;

    if (time_s == 0 || !localtime_r(&when, &local) || !strftime(text, TIME_MAX, "%Y-%m-%d %H:%M", &local))
        return "never";
    return text;
}

static const char *print_place(const struct place *place, char text[static WHERE_MAX])
{
    snprintf(text, WHERE_MAX, strchr(place->host, ':') ? "[%s]:%u" : "%s:%u", place->host, place->port);
    return text;
}

/* How many cells a text takes, as far as the C library knows. */
static int width_of(const char *text)
{
    size_t left = strlen(text), used;
    uint32_t character = 0;
    int width = 0;

    for (; left; text += used, left -= used) {
        used = text_decode((const uint8_t *)text, left, &character);
        if (used == 0)
            used = 1;
        int cells = used == 1 ? 1 : wcwidth((wchar_t)character);
        width += cells < 0 ? 1 : cells;
    }
    return width;
}

/* Print a text, made safe, and spaces up to so many cells. */
static void put(FILE *out, const char *text, int cells)
{
    size_t left = strlen(text), used, shown_len;
    char shown[TEXT_UNIT_MAX];

    cells -= width_of(text);
    for (; left; text += used, left -= used) {
        used = text_unit((const uint8_t *)text, left, shown, &shown_len);
        fwrite(shown, 1, shown_len, out);
    }
    fprintf(out, "%*s", cells > 0 ? cells : 0, "");
}

/* --- JSON (RFC 8259) */

static void put_string(FILE *out, const char *text)
{
    size_t left = strlen(text), used;
    uint32_t character = 0;

    putc('"', out);
    for (; left; text += used, left -= used) {
        used = text_decode((const uint8_t *)text, left, &character);
        if (used == 0) {
            used = 1;
            fputs("\\ufffd", out);
        } else if (character < ' ' || character == 0x7f)
            fprintf(out, "\\u%04" PRIx32, character);
        else
            fprintf(out, "%s%.*s", *text == '"' || *text == '\\' ? "\\" : "", (int)used, text);
    }
    putc('"', out);
}

static void put_time(FILE *out, const char *key, int64_t time_s)
{
    char text[TIME_MAX];
    time_t when = (time_t)time_s;
    struct tm utc;

    if (time_s == 0 || !gmtime_r(&when, &utc) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
        fprintf(out, ",\"%s\":null", key);
    else
        fprintf(out, ",\"%s\":\"%s\"", key, text);
}

static void put_object(FILE *out, const struct contact *contact, const struct place *places, int count)
{
    char id[ID_TEXT_MAX], where[WHERE_MAX];

    fputs("{\"name\":", out);
    put_string(out, contact->name);
    fprintf(out, ",\"id\":\"%s\",\"verified\":%s,\"blocked\":%s", id_print(&contact->id, id),
            contact->verified ? "true" : "false", contact->blocked ? "true" : "false");
    put_time(out, "added", contact->added_s);
    put_time(out, "met", contact->met_s);
    fputs(",\"places\":[", out);
    for (int i = 0; i < count; i++) {
        if (i)
            putc(',', out);
        put_string(out, print_place(&places[i], where));
    }
    fputs("]}\n", out);
}

/* --- all of them */

static int collect(void *context, const struct contact *contact)
{
    struct list *list = context;

    if (list->count == list->size) {
        int size = list->size ? list->size * 2 : 64;
        struct contact *contacts = reallocarray(list->contacts, (size_t)size, sizeof *contacts);
        if (!contacts)
            return -ERR_MEMORY;
        list->contacts = contacts;
        list->size = size;
    }
    list->contacts[list->count++] = *contact;
    return 0;
}

/* The first place, and how many others there are. */
static const char *print_where(const struct place *places, int count, char text[static WHERE_MAX])
{
    if (count == 0)
        return "-";
    print_place(&places[0], text);
    if (count > 1)
        snprintf(text + strlen(text), WHERE_MAX - strlen(text), " +%d", count - 1);
    return text;
}

/* The whole id stands last, where a narrow terminal breaks the line. */
static void put_line(FILE *out, const struct contact *contact, const char *where, int name_cells,
                     int where_cells)
{
    char id[ID_TEXT_MAX], met[TIME_MAX];

    put(out, contact->name, name_cells + 2);
    fprintf(out, "%-12s%-18s", state_of(contact), print_time(contact->met_s, met));
    put(out, where, where_cells + 2);
    fprintf(out, "%s\n", id_print(&contact->id, id));
}

static int list_table(struct db *db, const struct list *list, FILE *out)
{
    struct place places[CONTACT_PLACES_MAX];
    char where[WHERE_MAX];
    int name_cells = 4, where_cells = 5;

    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1)
            fprintf(out, "%-*s  %-12s%-18s%-*s  ID\n", name_cells, "NAME", "STATE", "LAST MET", where_cells,
                    "WHERE");
        for (int i = 0; i < list->count; i++) {
            const struct contact *contact = &list->contacts[i];
            int count = contact_places(db, contact->row, places, CONTACT_PLACES_MAX);
            if (count < 0)
                return count;
            const char *text = print_where(places, count, where);
            if (pass == 1)
                put_line(out, contact, text, name_cells, where_cells);
            name_cells = width_of(contact->name) > name_cells ? width_of(contact->name) : name_cells;
            where_cells = width_of(text) > where_cells ? width_of(text) : where_cells;
        }
    }
    return 0;
}

static int list_objects(struct db *db, const struct list *list, FILE *out)
{
    int error = 0;

    for (int i = 0; !error && i < list->count; i++)
        error = roster_show(db, &list->contacts[i], true, out);
    return error;
}

int roster_list(struct db *db, bool json, FILE *out)
{
    struct list list = {0};
    int error = contact_each(db, collect, &list);

    if (!error && list.count)
        error = json ? list_objects(db, &list, out) : list_table(db, &list, out);
    free(list.contacts);
    return error ? error : list.count;
}

int roster_show(struct db *db, const struct contact *contact, bool json, FILE *out)
{
    struct place places[CONTACT_PLACES_MAX];
    char text[WHERE_MAX], id[ID_TEXT_MAX], when[TIME_MAX];
    int count = contact_places(db, contact->row, places, CONTACT_PLACES_MAX);

    if (count < 0)
        return count;
    if (json) {
        put_object(out, contact, places, count);
        return 0;
    }
    put(out, contact->name, 0);
    fprintf(out, "\n  state     %s%s\n", state_of(contact),
            contact->blocked && !contact->verified ? ", unverified" : "");
    fprintf(out, "  id        %s\n", id_print(&contact->id, id));
    fprintf(out, "  added     %s\n", print_time(contact->added_s, when));
    fprintf(out, "  last met  %s\n", print_time(contact->met_s, when));
    for (int i = 0; i < count; i++) {
        fputs(i ? "            " : "  where     ", out);
        put(out, print_place(&places[i], text), 0);
        putc('\n', out);
    }
    return 0;
}
