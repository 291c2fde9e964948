/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contacts: making, finding, changing and forgetting them, what belongs to them, and who holds one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "store/contact.h"
#include "store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW 1800000000

static struct id id_of(int number)
{
    struct id id;

    memset(id.bytes, number, sizeof id.bytes);
    id.bytes[0] = (uint8_t)(number >> 8);
    return id;
}

static struct contact add(struct db *db, int number, const char *name)
{
    struct id id = id_of(number);
    struct contact contact;

    assert_int_equal(contact_add(db, &id, name, false, NULL, NOW, &contact), 0);
    assert_true(id_equal(&contact.id, &id));
    return contact;
}

static void assert_same(const struct contact *a, const struct contact *b)
{
    assert_int_equal(a->row, b->row);
    assert_true(id_equal(&a->id, &b->id));
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->verified, b->verified);
    assert_int_equal(a->blocked, b->blocked);
    assert_int_equal(a->added_s, b->added_s);
    assert_int_equal(a->met_s, b->met_s);
}

static void contact_is_found_by_key_and_name(void **state)
{
    struct db *db = store_open(store_new_path());
    struct id other = id_of(2);
    struct contact anna = add(db, 1, "Anna"), found;

    (void)state;
    assert_true(anna.row > 0);
    assert_string_equal(anna.name, "Anna");
    assert_false(anna.verified || anna.blocked);
    assert_int_equal(anna.added_s, NOW);
    assert_int_equal(anna.met_s, 0);
    assert_int_equal(contact_by_id(db, &anna.id, &found), 1);
    assert_same(&found, &anna);
    assert_int_equal(contact_by_name(db, "Anna", &found), 1);
    assert_same(&found, &anna);
    assert_int_equal(contact_by_name(db, "aNNa", &found), 1);
    assert_int_equal(contact_by_id(db, &other, &found), 0);
    assert_int_equal(contact_by_name(db, "Ann", &found), 0);
    assert_int_equal(contact_by_name(db, "", &found), 0);
    db_close(db);
}

static void contact_outlives_the_store_that_made_it(void **state)
{
    const char *path = store_new_path();
    struct db *db = store_open(path);
    struct contact anna = add(db, 1, "anna"), found;

    (void)state;
    db_close(db);
    db = store_open(path);
    assert_int_equal(contact_by_name(db, "anna", &found), 1);
    assert_same(&found, &anna);
    db_close(db);
}

static void known_key_keeps_its_name_and_can_only_become_verified(void **state)
{
    struct db *db = store_open(store_new_path());
    struct id id = id_of(1);
    struct contact first = add(db, 1, "anna"), contact;

    (void)state;
    assert_int_equal(contact_add(db, &id, "berta", true, NULL, NOW + 5, &contact), 0);
    first.verified = true;
    assert_same(&contact, &first);
    assert_int_equal(contact_add(db, &id, "berta", false, NULL, NOW + 6, &contact), 0);
    assert_same(&contact, &first);
    assert_int_equal(contact_by_id(db, &id, &contact), 1);
    assert_same(&contact, &first);
    db_close(db);
}

static void taken_name_gets_the_smallest_free_number(void **state)
{
    static const struct {
        const char *proposed, *name;
    } cases[] = {
        {"anna", "anna"},       {"Anna", "Anna-2"}, {"anna", "anna-3"},
        {"anna-2", "anna-2-2"}, {"anna", "anna-4"}, {"a.b", "a-b"},
        {"a b", "a-b-2"},       {"", "peer"},       {"localhost", "peer-2"},
        {"%", "peer-3"},        {"a_na", "a_na"},   {"'; DROP TABLE contact;--", "DROP-TABLE-contact"},
    };
    struct db *db = store_open(store_new_path());
    struct contact contact;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        contact = add(db, (int)i + 1, cases[i].proposed);
        assert_string_equal(contact.name, cases[i].name);
    }
    assert_int_equal(contact_by_name(db, "anna-3", &contact), 1);
    assert_int_equal(contact_forget(db, contact.row), 0);
    contact = add(db, 100, "anna");
    assert_string_equal(contact.name, "anna-3");
    db_close(db);
}

static void flood_of_one_name_is_taken_in(void **state)
{
    struct db *db = store_open(store_new_path());
    struct contact contact;

    (void)state;
    assert_int_equal(db_begin(db), 0);
    for (int i = 1; i <= 1000; i++)
        contact = add(db, i, "0123456789012345678901234567890123456789012345678901234567890123");
    assert_int_equal(db_end(db, 0), 0);
    assert_string_equal(contact.name, "01234567890123456789012345678901234567890123456789012345-1000");
    db_close(db);
}

static void name_changes_by_rename_only(void **state)
{
    struct db *db = store_open(store_new_path());
    struct contact anna = add(db, 1, "anna"), berta = add(db, 2, "berta"), found;

    (void)state;
    assert_int_equal(contact_rename(db, anna.row, "Berta"), -ERR_TAKEN);
    assert_int_equal(contact_rename(db, anna.row, "a.b"), -ERR_SYNTAX);
    assert_int_equal(contact_rename(db, anna.row, ""), -ERR_SYNTAX);
    assert_int_equal(contact_rename(db, 99, "clara"), -ENOENT);
    assert_int_equal(contact_by_id(db, &anna.id, &found), 1);
    assert_same(&found, &anna);
    assert_int_equal(contact_rename(db, anna.row, "');--%_"), 0);
    assert_int_equal(contact_by_name(db, "');--%_", &found), 1);
    assert_int_equal(contact_by_name(db, "');--%%", &found), 0);
    assert_int_equal(contact_rename(db, anna.row, "ANNA"), 0);
    assert_int_equal(contact_rename(db, anna.row, "clara"), 0);
    assert_int_equal(contact_rename(db, berta.row, "anna"), 0);
    assert_int_equal(contact_by_name(db, "anna", &found), 1);
    assert_int_equal(found.row, berta.row);
    assert_int_equal(contact_by_name(db, "clara", &found), 1);
    assert_int_equal(found.row, anna.row);
    db_close(db);
}

static void marks_and_times_are_kept(void **state)
{
    struct db *db = store_open(store_new_path());
    struct contact anna = add(db, 1, "anna"), berta = add(db, 2, "berta"), found;

    (void)state;
    assert_int_equal(contact_verify(db, anna.row), 0);
    assert_int_equal(contact_block(db, anna.row, true), 0);
    assert_int_equal(contact_met(db, anna.row, NOW + 7), 0);
    anna.verified = anna.blocked = true;
    anna.met_s = NOW + 7;
    assert_int_equal(contact_by_id(db, &anna.id, &found), 1);
    assert_same(&found, &anna);
    assert_int_equal(contact_by_id(db, &berta.id, &found), 1);
    assert_same(&found, &berta);
    assert_int_equal(contact_block(db, anna.row, false), 0);
    assert_int_equal(contact_by_id(db, &anna.id, &found), 1);
    assert_false(found.blocked);
    assert_int_equal(contact_verify(db, 99), -ENOENT);
    assert_int_equal(contact_block(db, 99, true), -ENOENT);
    assert_int_equal(contact_met(db, 99, NOW), -ENOENT);
    db_close(db);
}

struct seen {
    char names[256];
    int stop_at;
    int count;
};

static int see(void *context, const struct contact *contact)
{
    struct seen *seen = context;

    strcat(strcat(seen->names, contact->name), " ");
    return ++seen->count == seen->stop_at ? 42 : 0;
}

static void contacts_come_in_the_order_of_their_names(void **state)
{
    struct db *db = store_open(store_new_path());
    struct seen all = {.count = 0}, two = {.stop_at = 2}, none = {.count = 0};

    (void)state;
    assert_int_equal(contact_each(db, see, &none), 0);
    assert_int_equal(none.count, 0);
    add(db, 1, "berta");
    add(db, 2, "Clara");
    add(db, 3, "anna");
    assert_int_equal(contact_each(db, see, &all), 0);
    assert_string_equal(all.names, "anna berta Clara ");
    assert_int_equal(contact_each(db, see, &two), 42);
    assert_string_equal(two.names, "anna berta ");
    db_close(db);
}

static void ticket_is_burnt_with_the_contact_and_once(void **state)
{
    static const uint8_t hash[HASH_BYTES] = {1, 2, 3}, other[HASH_BYTES] = {4};
    struct db *db = store_open(store_new_path());
    struct id first = id_of(1), second = id_of(2);
    struct contact contact, burner;

    (void)state;
    assert_int_equal(contact_by_ticket(db, hash, &burner), 0);
    assert_int_equal(contact_add(db, &first, "anna", true, hash, NOW, &contact), 0);
    assert_true(contact.verified);
    assert_int_equal(contact_by_ticket(db, hash, &burner), 1);
    assert_same(&burner, &contact);
    assert_int_equal(contact_by_ticket(db, other, &burner), 0);
    /* The same key tries again: its answer was lost. */
    assert_int_equal(contact_add(db, &first, "anna", true, hash, NOW, &contact), 0);
    /* Another one is refused, and no contact is made of it. */
    assert_int_equal(contact_add(db, &second, "berta", true, hash, NOW, &contact), -ERR_TICKET);
    assert_int_equal(contact_by_id(db, &second, &contact), 0);
    assert_int_equal(contact_add(db, &second, "berta", false, other, NOW, &contact), 0);
    assert_int_equal(contact_add(db, &second, "berta", true, hash, NOW, &contact), -ERR_TICKET);
    assert_int_equal(contact_by_id(db, &second, &contact), 1);
    assert_false(contact.verified);
    /* It stays burnt when nobody remembers by whom. */
    assert_int_equal(contact_by_id(db, &first, &contact), 1);
    assert_int_equal(contact_forget(db, contact.row), 0);
    assert_int_equal(contact_by_ticket(db, hash, &burner), 1);
    assert_int_equal(burner.row, 0);
    assert_int_equal(contact_add(db, &first, "anna", true, hash, NOW, &contact), -ERR_TICKET);
    db_close(db);
}

static void places_are_replaced_together(void **state)
{
    static const struct place first[] = {{"2001:db8::7", 5188}, {"192.0.2.7", 65535}, {"box.example", 1}};
    static const struct place second[] = {{"192.0.2.7", 65535}};
    struct place places[CONTACT_PLACES_MAX], many[CONTACT_PLACES_MAX + 3] = {{"", 0}};
    struct db *db = store_open(store_new_path());
    struct contact anna = add(db, 1, "anna"), berta = add(db, 2, "berta");

    (void)state;
    assert_int_equal(contact_places(db, anna.row, places, CONTACT_PLACES_MAX), 0);
    assert_int_equal(contact_set_places(db, anna.row, first, 3), 0);
    assert_int_equal(contact_set_places(db, berta.row, second, 1), 0);
    assert_int_equal(contact_places(db, anna.row, places, CONTACT_PLACES_MAX), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(places[i].host, first[i].host);
        assert_int_equal(places[i].port, first[i].port);
    }
    assert_int_equal(contact_places(db, anna.row, places, 2), 2);
    assert_int_equal(contact_set_places(db, anna.row, second, 1), 0);
    assert_int_equal(contact_places(db, anna.row, places, CONTACT_PLACES_MAX), 1);
    assert_string_equal(places[0].host, "192.0.2.7");
    assert_int_equal(contact_set_places(db, anna.row, NULL, 0), 0);
    assert_int_equal(contact_places(db, anna.row, places, CONTACT_PLACES_MAX), 0);
    assert_int_equal(contact_places(db, berta.row, places, CONTACT_PLACES_MAX), 1);
    assert_int_equal(contact_set_places(db, 99, second, 1), -ENOENT);
    for (size_t i = 0; i < COUNT(many); i++) {
        snprintf(many[i].host, sizeof many[i].host, "box%zu", i);
        many[i].port = (uint16_t)(i + 1);
    }
    assert_int_equal(contact_set_places(db, anna.row, many, COUNT(many)), 0);
    assert_int_equal(contact_places(db, anna.row, places, CONTACT_PLACES_MAX), CONTACT_PLACES_MAX);
    assert_string_equal(places[CONTACT_PLACES_MAX - 1].host, "box15");
    db_close(db);
}

static void pin_tells_who_answered_at_a_place(void **state)
{
    struct db *db = store_open(store_new_path());
    struct contact anna = add(db, 1, "anna"), berta = add(db, 2, "berta"), found;

    (void)state;
    assert_int_equal(contact_pinned(db, "box", 5188, &found), 0);
    assert_int_equal(contact_pin(db, "Box.Example", 5188, anna.row), 0);
    assert_int_equal(contact_pin(db, "box.example", 7, berta.row), 0);
    assert_int_equal(contact_pinned(db, "BOX.example", 5188, &found), 1);
    assert_same(&found, &anna);
    assert_int_equal(contact_pinned(db, "box.example", 7, &found), 1);
    assert_same(&found, &berta);
    assert_int_equal(contact_pinned(db, "box.example", 8, &found), 0);
    assert_int_equal(contact_pin(db, "box.example", 5188, berta.row), 0);
    assert_int_equal(contact_pinned(db, "box.example", 5188, &found), 1);
    assert_same(&found, &berta);
    assert_int_equal(contact_pin(db, "box.example", 9, 99), -ENOENT);
    assert_int_equal(contact_forget(db, berta.row), 0);
    assert_int_equal(contact_pinned(db, "box.example", 5188, &found), 0);
    db_close(db);
}

static void nothing_of_a_forgotten_contact_stays_in_the_files(void **state)
{
    static const struct place place = {"hidden.example", 5188};
    static char bytes[1 << 20];
    const char *path = store_new_path();
    char wal[300];
    struct db *db = store_open(path);
    struct contact anna = add(db, 1, "annaliese"), found, berta = add(db, 2, "berta");

    (void)state;
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_equal(contact_set_places(db, anna.row, &place, 1), 0);
    assert_int_equal(contact_pin(db, "secret.example", 5188, anna.row), 0);
    assert_int_equal(contact_forget(db, anna.row), 0);
    assert_int_equal(contact_forget(db, anna.row), -ENOENT);
    assert_int_equal(contact_by_id(db, &anna.id, &found), 0);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? wal : path, "re");
        assert_non_null(file);
        size_t len = fread(bytes, 1, sizeof bytes, file);
        assert_true(len < sizeof bytes && (i || len > 4096));
        assert_null(memmem(bytes, len, "annaliese", 9));
        assert_null(memmem(bytes, len, "hidden", 6));
        assert_null(memmem(bytes, len, "secret", 6));
        assert_null(memmem(bytes, len, anna.id.bytes, ID_BYTES));
        fclose(file);
    }
    assert_int_equal(contact_by_id(db, &berta.id, &found), 1);
    /* Its number is not given to another one. */
    assert_int_equal(contact_forget(db, berta.row), 0);
    assert_true(add(db, 3, "clara").row > berta.row);
    db_close(db);
}

/* Let another process try to hold a row, and tell what it is told. */
static int try_elsewhere(const char *path, int64_t row, pid_t *holder)
{
    int ends[2];
    struct {
        int error;
        pid_t holder;
    } answer = {-1, -1};

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct db *db = store_open(path);
        answer.error = contact_lock(db, row, &answer.holder);
        _exit(write(ends[1], &answer, sizeof answer) != sizeof answer);
    }
    assert_int_equal(read(ends[0], &answer, sizeof answer), sizeof answer);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    *holder = answer.holder;
    return answer.error;
}

static void one_process_holds_a_contact(void **state)
{
    const char *path = store_new_path();
    struct db *db = store_open(path);
    struct contact anna = add(db, 1, "anna"), berta = add(db, 2, "berta");
    pid_t holder;

    (void)state;
    assert_int_equal(contact_lock(db, anna.row, &holder), 0);
    assert_int_equal(contact_lock(db, anna.row, &holder), 0);
    assert_int_equal(try_elsewhere(path, anna.row, &holder), -ERR_BUSY);
    assert_int_equal(holder, getpid());
    assert_int_equal(try_elsewhere(path, berta.row, &holder), 0);
    assert_int_equal(holder, 0);
    contact_unlock(db, anna.row);
    assert_int_equal(try_elsewhere(path, anna.row, &holder), 0);
    assert_int_equal(contact_lock(db, anna.row, &holder), 0);
    db_close(db);
    db = store_open(path);
    assert_int_equal(try_elsewhere(path, anna.row, &holder), 0);
    contact_unlock(db, anna.row);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contact_is_found_by_key_and_name),
        cmocka_unit_test(contact_outlives_the_store_that_made_it),
        cmocka_unit_test(known_key_keeps_its_name_and_can_only_become_verified),
        cmocka_unit_test(taken_name_gets_the_smallest_free_number),
        cmocka_unit_test(flood_of_one_name_is_taken_in),
        cmocka_unit_test(name_changes_by_rename_only),
        cmocka_unit_test(marks_and_times_are_kept),
        cmocka_unit_test(contacts_come_in_the_order_of_their_names),
        cmocka_unit_test(ticket_is_burnt_with_the_contact_and_once),
        cmocka_unit_test(places_are_replaced_together),
        cmocka_unit_test(pin_tells_who_answered_at_a_place),
        cmocka_unit_test(nothing_of_a_forgotten_contact_stays_in_the_files),
        cmocka_unit_test(one_process_holds_a_contact),
    };

    return cmocka_run_group_tests(tests, store_make_folder, store_remove_folder);
}
