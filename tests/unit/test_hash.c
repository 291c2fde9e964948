/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vectors of FIPS 180-2 (SHA-256) and of RFC 4231 (HMAC), however they are cut into parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static void expect(const uint8_t hash[static HASH_BYTES], const char *hex)
{
    char text[2 * HASH_BYTES + 1];

    for (size_t i = 0; i < HASH_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(text, hex);
}

static const struct {
    const char *text, *hash;
} hashes[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_is_that_of_the_standard(void **state)
{
    uint8_t hash[HASH_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        const char *text = hashes[i].text;
        size_t len = strlen(text);
        for (size_t split = 0; split <= len; split++) {
            struct hash_part parts[] = {{text, split}, {NULL, 0}, {text + split, len - split}};
            hash_sha256(parts, 3, hash);
            expect(hash, hashes[i].hash);
        }
    }
    hash_sha256(NULL, 0, hash);
    expect(hash, hashes[0].hash);
}

static void a_million_letters_have_their_hash(void **state)
{
    size_t len = 1000000;
    char *text = malloc(len);
    uint8_t hash[HASH_BYTES];

    (void)state;
    assert_non_null(text);
    memset(text, 'a', len);
    hash_sha256(&(struct hash_part){text, len}, 1, hash);
    expect(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

#define A131                                                                                                 \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"       \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"       \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"       \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"       \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"       \
    "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"

static const struct {
    const char *key, *text, *mac;
} macs[] = {
    {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {A131, "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {"", "",
     "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"}, /* computed with Python's hmac */
};

static void hmac_is_that_of_the_standard(void **state)
{
    uint8_t mac[HASH_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof macs / sizeof *macs; i++) {
        const char *text = macs[i].text;
        size_t len = strlen(text);
        for (size_t split = 0; split <= len; split++) {
            struct hash_part parts[] = {{text, split}, {NULL, 0}, {text + split, len - split}};
            hash_hmac(macs[i].key, strlen(macs[i].key), parts, 3, mac);
            expect(mac, macs[i].mac);
        }
    }
    hash_hmac(NULL, 0, NULL, 0, mac);
    expect(mac, macs[3].mac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_that_of_the_standard),
        cmocka_unit_test(a_million_letters_have_their_hash),
        cmocka_unit_test(hmac_is_that_of_the_standard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
