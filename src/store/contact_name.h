/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a contact may be called: a word that is no ticket, no address and no option, so that `yodel call WORD`
 * needs no guessing, and that looks like what it is. Pure. */
#ifndef YODEL_STORE_CONTACT_NAME_H
#define YODEL_STORE_CONTACT_NAME_H

#include <stdbool.h>

/* Bytes of UTF-8, without the NUL. */
#define CONTACT_NAME_MAX 64

/* Whether name may be one: 1 to CONTACT_NAME_MAX bytes of valid UTF-8, no leading '-', not "localhost" in any
 * case, and none of these: . : / [ ] \, white space and characters that look like it, controls, characters
 * that cannot be seen or that reorder text (base/text.h; variation selectors and joiners, too: two names must
 * not look the same because of them). */
bool contact_name_is_valid(const char *name);

/* Make a valid name of what somebody else proposes: without what cannot be seen, "-" for each run of what is
 * not allowed but at the ends, and cut between two characters. What nothing is left of, and "yourself", is "peer". Of ASCII
 * only letters, digits and _ + @ , - are left: the name can do nothing in a shell either. A valid name of
 * these and of other scripts stays as it is. */
void contact_name_clean(const char *proposed, char name[static CONTACT_NAME_MAX + 1]);

/* Write the name that a number makes of another one: "anna-2", cut so that it is valid for numbers up to
 * 9999999. */
void contact_name_number(const char *name, int number, char numbered[static CONTACT_NAME_MAX + 1]);

/* The bytes of name (a valid one) that contact_name_number() keeps of it. */
int contact_name_stem(const char *name);

#endif
