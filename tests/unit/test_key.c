/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A key is written and read back, in the form that other programs read; its certificate is what it must
 * be; it leaves no trace in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/secret.h"
#include "net/key.h"

/* The key of RFC 8410, section 10.3, and the public key that section 10.1 has for it. */
#define SAMPLE_BODY "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
#define SAMPLE "-----BEGIN PRIVATE KEY-----\n" SAMPLE_BODY "\n-----END PRIVATE KEY-----\n"
#define SAMPLE_PUBLIC "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

static struct key *sample(void)
{
    struct key *key = NULL;

    assert_int_equal(key_from_pem(&key, SAMPLE, strlen(SAMPLE)), 0);
    assert_non_null(key);
    return key;
}

static void the_id_is_the_hash_of_the_public_key(void **state)
{
    uint8_t spki[KEY_SPKI_BYTES + 1];
    uint8_t hash[HASH_BYTES];
    struct key *key = sample();
    char text[ID_TEXT_MAX];

    (void)state;
    assert_int_equal(EVP_DecodeBlock(spki, (const unsigned char *)SAMPLE_PUBLIC, (int)strlen(SAMPLE_PUBLIC)),
                     KEY_SPKI_BYTES + 1); /* it counts the padding */
    hash_sha256(&(struct hash_part){spki, KEY_SPKI_BYTES}, 1, hash);
    assert_memory_equal(key_id(key)->bytes, hash, HASH_BYTES);
    /* openssl pkey -pubin -outform DER | sha256sum | xxd -r -p | base32 */
    assert_string_equal(id_print(key_id(key), text),
                        "uhur-kycu-4bh2-zcm2-5hzh-kezm-3qd2-lw6e-5iwc-vu5b-77do-bust-napq");
    key_free(key);
}

/* Found in the wild: other ends of lines, white space, text around it, attributes of what it was taken
 * from. */
static const char *const readable[] = {
    SAMPLE,
    "-----BEGIN PRIVATE KEY-----\r\n" SAMPLE_BODY "\r\n-----END PRIVATE KEY-----\r\n",
    "-----BEGIN PRIVATE KEY-----" SAMPLE_BODY "-----END PRIVATE KEY-----",
    "my key\n\n" SAMPLE "made yesterday\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK\n 1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\t\n"
    "-----END PRIVATE KEY-----",
    SAMPLE "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n",
};

static void a_key_is_read_in_its_usual_forms(void **state)
{
    struct key *expected = sample();

    (void)state;
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        struct key *key;
        assert_int_equal(key_from_pem(&key, readable[i], strlen(readable[i])), 0);
        assert_true(id_equal(key_id(key), key_id(expected)));
        key_free(key);
    }
    key_free(expected);
}

static const char *const unreadable[] = {
    "",
    "\n",
    SAMPLE_BODY,
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n" SAMPLE_BODY "\n-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n" SAMPLE_PUBLIC "\n-----END PUBLIC KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" SAMPLE_BODY "\n-----END ENCRYPTED PRIVATE KEY-----\n",
    /* one character less, one more, one that is none, padding in place of two, and dashes */
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVh\n-----END "
    "PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE "
    "KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCA\n-----END PRIVATE "
    "KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8f.p+K06/nwoy/HU++CXqI9EdVhC\n-----END "
    "PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdV==\n-----END "
    "PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdV--\n-----END "
    "PRIVATE KEY-----\n",
    /* X25519, in the same form; a version that is not; a length inside that is not */
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END "
    "PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END "
    "PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEH9Tuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END "
    "PRIVATE KEY-----\n",
};

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        struct key *key = NULL;
        assert_int_equal(key_from_pem(&key, unreadable[i], strlen(unreadable[i])), -ERR_KEY);
        assert_null(key);
    }
}

static void a_key_that_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(SAMPLE) - 1; len++) {
        struct key *key = NULL;
        char *text = malloc(len + 1); /* so that a sanitizer sees who reads on */
        memcpy(text, SAMPLE, len);
        assert_int_equal(key_from_pem(&key, text, len), -ERR_KEY);
        free(text);
    }
}

static void a_key_of_another_algorithm_is_refused(void **state)
{
    EVP_PKEY *pkeys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")};

    (void)state;
    for (size_t i = 0; i < sizeof pkeys / sizeof *pkeys; i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        struct key *key = NULL;
        char *text;
        assert_int_equal(PEM_write_bio_PrivateKey(bio, pkeys[i], NULL, NULL, 0, NULL, NULL), 1);
        long len = BIO_get_mem_data(bio, &text);
        assert_int_equal(key_from_pem(&key, text, (size_t)len), -ERR_KEY);
        BIO_free(bio);
        EVP_PKEY_free(pkeys[i]);
    }
}

static void what_is_written_is_read_back(void **state)
{
    char pem[KEY_PEM_MAX];
    char again[KEY_PEM_MAX];

    (void)state;
    for (int i = 0; i < 16; i++) {
        struct key *key;
        struct key *other;
        assert_int_equal(key_new(&key), 0);
        int len = key_to_pem(key, pem);
        assert_int_equal(len, strlen(pem));
        assert_int_equal(key_from_pem(&other, pem, (size_t)len), 0);
        assert_true(id_equal(key_id(key), key_id(other)));
        assert_memory_equal(key_certificate(key), key_certificate(other), KEY_CERTIFICATE_BYTES);
        assert_int_equal(key_to_pem(other, again), len);
        assert_string_equal(again, pem);
        key_free(key);
        key_free(other);
    }
}

static void openssl_writes_and_reads_the_same(void **state)
{
    struct key *key = sample();
    char pem[KEY_PEM_MAX];
    char *text;

    (void)state;
    assert_int_equal(key_to_pem(key, pem), strlen(SAMPLE));
    assert_string_equal(pem, SAMPLE);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(pkey);
    assert_int_equal(EVP_PKEY_eq(pkey, key_openssl(key)), 1);
    BIO_free(bio);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(BIO_get_mem_data(bio, &text), strlen(SAMPLE));
    assert_memory_equal(text, SAMPLE, strlen(SAMPLE));
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    key_free(key);
}

static void no_two_keys_are_the_same(void **state)
{
    struct key *keys[16];

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(key_new(&keys[i]), 0);
        for (size_t j = 0; j < i; j++)
            assert_false(id_equal(key_id(keys[i]), key_id(keys[j])));
    }
    for (size_t i = 0; i < 16; i++)
        key_free(keys[i]);
    key_free(NULL);
}

static void check_name(const X509_NAME *name)
{
    char text[64];

    X509_NAME_oneline(name, text, sizeof text);
    assert_string_equal(text, "/CN=yodel");
}

static void check_time(const ASN1_TIME *time, int year, int month, int day, int second)
{
    struct tm tm;

    assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
    assert_int_equal(tm.tm_year + 1900, year);
    assert_int_equal(tm.tm_mon + 1, month);
    assert_int_equal(tm.tm_mday, day);
    assert_int_equal((tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec, second);
}

static void the_certificate_is_what_it_says(void **state)
{
    struct key *key = sample();
    const uint8_t *der = key_certificate(key);

    (void)state;
    X509 *x509 = d2i_X509(NULL, &der, KEY_CERTIFICATE_BYTES);
    assert_non_null(x509);
    assert_ptr_equal(der, key_certificate(key) + KEY_CERTIFICATE_BYTES);
    assert_int_equal(X509_get_version(x509), X509_VERSION_3);
    assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(x509)), 1);
    check_name(X509_get_subject_name(x509));
    check_name(X509_get_issuer_name(x509));
    check_time(X509_get0_notBefore(x509), 1970, 1, 1, 0);
    check_time(X509_get0_notAfter(x509), 9999, 12, 31, 86399);
    assert_int_equal(X509_get_ext_count(x509), 0);
    assert_int_equal(X509_get_signature_nid(x509), NID_ED25519);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x509), key_openssl(key)), 1);
    assert_int_equal(X509_verify(x509, key_openssl(key)), 1);
    X509_free(x509);
    key_free(key);
}

static void an_id_is_made_of_one_form_of_a_key(void **state)
{
    uint8_t spki[KEY_SPKI_BYTES + 1] = KEY_SPKI_PREFIX;
    struct id id;

    (void)state;
    assert_int_equal(key_id_of(spki, KEY_SPKI_BYTES, &id), 0);
    assert_int_equal(key_id_of(spki, KEY_SPKI_BYTES - 1, &id), -ERR_CERTIFICATE);
    assert_int_equal(key_id_of(spki, KEY_SPKI_BYTES + 1, &id), -ERR_CERTIFICATE);
    assert_int_equal(key_id_of(spki, 0, &id), -ERR_CERTIFICATE);
    for (size_t i = 0; i < KEY_SPKI_PREFIX_BYTES; i++) {
        spki[i] ^= 1;
        assert_int_equal(key_id_of(spki, KEY_SPKI_BYTES, &id), -ERR_CERTIFICATE);
        spki[i] ^= 1;
    }
}

/* So that what is searched for is not itself in memory. */
#define MASK 0x5a

struct needle {
    uint8_t masked[64];
    size_t len;
};

static struct needle hide(void *bytes, size_t len)
{
    struct needle needle = {.len = len};

    for (size_t i = 0; i < len; i++)
        needle.masked[i] = ((uint8_t *)bytes)[i] ^ MASK;
    secret_wipe(bytes, len);
    return needle;
}

static size_t count_in(const uint8_t *bytes, size_t len, const struct needle *needle)
{
    size_t count = 0;

    for (size_t i = 0; i + needle->len <= len; i++) {
        size_t same = 0;
        while (same < needle->len && (bytes[i + same] ^ MASK) == needle->masked[same])
            same++;
        count += same == needle->len;
    }
    return count;
}

/* What was read from address at, without what it has of the window that it was read into. */
static void forget_itself(uint8_t *window, size_t len, uintptr_t at)
{
    uintptr_t own = (uintptr_t)window;

    if (own >= at && own < at + len)
        memset(window + (own - at), 0, len - (own - at));
    else if (at > own && at < own + len)
        memset(window, 0, len - (at - own));
}

/* How often it is in what this process may write, but for this function's own copy of that. */
static size_t count_in_memory(const struct needle *needle)
{
    static uint8_t window[1 << 16];
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char line[512];
    size_t count = 0;

    assert_non_null(maps);
    assert_true(memory >= 0);
    while (fgets(line, sizeof line, maps)) {
        unsigned long begin;
        unsigned long end;
        char mode[8];
        /* A sanitizer's own memory is larger than anything here. */
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) != 3 || mode[1] != 'w' || end - begin > 1 << 28)
            continue;
        for (unsigned long at = begin; at < end; at += sizeof window - needle->len) {
            memset(window, 0, sizeof window);
            ssize_t len =
                pread(memory, window, end - at < sizeof window ? end - at : sizeof window, (off_t)at);
            forget_itself(window, sizeof window, at);
            if (len > 0)
                count += count_in(window, (size_t)len, needle);
        }
    }
    memset(window, 0, sizeof window);
    close(memory);
    fclose(maps);
    return count;
}

struct made {
    struct key *key;
    char pem[KEY_PEM_MAX];
    int len;
    void (*step)(struct made *made);
};

static void make_new(struct made *made)
{
    key_new(&made->key);
}

static void make_pem(struct made *made)
{
    made->len = key_to_pem(made->key, made->pem);
}

static void make_from_pem(struct made *made)
{
    key_from_pem(&made->key, made->pem, (size_t)made->len);
}

/* Deeper than what the end of a thread writes on its stack. */
static void *descend(void *made)
{
    volatile uint8_t skipped[16 << 10];
    struct made *it = made;

    skipped[0] = 0;
    it->step(it);
    return skipped[0] ? made : NULL;
}

/* Ours and OpenSSL's, as long as there is a key. */
#define COPIES 2

#define STACK_BYTES ((size_t)256 << 10)

/* Take a step on a stack of its own: what is left there stays until somebody looks. */
static void step_on(uint8_t *stack, void (*step)(struct made *made), struct made *made)
{
    pthread_attr_t attributes;
    pthread_t thread;

    made->step = step;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, descend, made), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

static void a_key_that_is_freed_leaves_no_trace(void **state)
{
    static uint8_t stacks[3][STACK_BYTES] __attribute__((aligned(4096)));
    uint8_t der[48];
    struct made first = {0};
    struct made second = {0};

    (void)state;
    step_on(stacks[0], make_new, &first);
    step_on(stacks[1], make_pem, &first);
    second = first;
    step_on(stacks[2], make_from_pem, &second);
    assert_ptr_not_equal(first.key, second.key);
    assert_true(id_equal(key_id(first.key), key_id(second.key)));
    assert_int_equal(EVP_DecodeBlock(der, (const unsigned char *)strchr(first.pem, '\n') + 1, 64),
                     sizeof der);
    struct needle binary = hide(der + 16, 32);
    secret_wipe(second.pem, sizeof second.pem);
    struct needle text = hide(first.pem + 50, 40);
    secret_wipe(first.pem, sizeof first.pem);
    assert_int_equal(count_in_memory(&binary), 2 * COPIES);
    assert_int_equal(count_in_memory(&text), 0);
    key_free(first.key);
    assert_int_equal(count_in_memory(&binary), COPIES);
    key_free(second.key);
    assert_int_equal(count_in_memory(&binary), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_is_the_hash_of_the_public_key),
        cmocka_unit_test(a_key_is_read_in_its_usual_forms),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(a_key_that_is_cut_is_refused),
        cmocka_unit_test(a_key_of_another_algorithm_is_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(openssl_writes_and_reads_the_same),
        cmocka_unit_test(no_two_keys_are_the_same),
        cmocka_unit_test(the_certificate_is_what_it_says),
        cmocka_unit_test(an_id_is_made_of_one_form_of_a_key),
        cmocka_unit_test(a_key_that_is_freed_leaves_no_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
