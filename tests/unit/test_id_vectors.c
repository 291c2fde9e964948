/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An id is the hash of a key, and its text is that of the document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/id.h"
#include "vectors.h"

static void ids_are_those_of_the_document(void **state)
{
    struct vectors v;
    int count = 0, keys = 0;

    (void)state;
    vectors_open(&v, "id.txt");
    for (; vectors_next(&v); count++) {
        uint8_t spki[64], hash[HASH_BYTES];
        char text[ID_TEXT_MAX];
        struct id id, parsed;
        vectors_exactly(&v, "id", id.bytes, ID_BYTES);
        assert_string_equal(id_print(&id, text), vectors_text(&v, "text"));
        assert_int_equal(id_parse(vectors_text(&v, "text"), &parsed), 0);
        assert_true(id_equal(&parsed, &id));
        if (!vectors_text(&v, "spki"))
            continue;
        size_t len = vectors_bytes(&v, "spki", spki, sizeof spki);
        hash_sha256(&(struct hash_part){spki, len}, 1, hash);
        assert_memory_equal(hash, id.bytes, ID_BYTES);
        keys++;
    }
    vectors_close(&v);
    assert_int_equal(count, 4);
    assert_int_equal(keys, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_the_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
