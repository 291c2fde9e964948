/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the peer is, as far as this user knows. */
#ifndef YODEL_CHAT_PERSON_H
#define YODEL_CHAT_PERSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "store/contact_name.h"

struct person {
    struct id id;
    char name[CONTACT_NAME_MAX + 1]; /* a contact's; "yourself"; or what a stranger calls itself, cleaned */
    int64_t row;                     /* the contact; 0: none */
    bool self;                       /* has our own key */
    bool verified;
};

#endif
