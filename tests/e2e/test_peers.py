# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel peers`: what it tells of contacts, what it changes, and what it says when it does not."""

import base64
import hashlib
import json
import re
import unicodedata

import pytest
from cryptography.hazmat.primitives import serialization

from service import YODEL
from storelib import TOOL, home, key

NOBODY = "yodel: peers: nobody yet ('yodel listen' prints a ticket; who calls with it becomes a contact)\n"


def test_somebody_who_knows_nobody_gets_no_store(home):
    assert home.peers().all == (0, "", NOBODY)
    assert home.peers("--json").all == (0, "", "")
    assert home.peers("show", "anna").all == (1, "", "yodel: peers: anna: no such contact ('yodel peers' lists them)\n")
    assert home.peers("forget", "anna").status == 1
    assert list(home.path.iterdir()) == []


def test_store_without_contacts(home):
    home.add("anna")
    assert home.peers("forget", "anna").all == (0, "anna is forgotten\n", "")
    assert home.peers().all == (0, "", NOBODY)
    assert home.peers("--json").all == (0, "", "")


def cells(text):
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def test_list(home):
    home.add("anna", "こんにちは", "zoe")
    home.sql("UPDATE contact SET verified = 0, met = 1800000000 WHERE name = 'anna'")
    home.sql("UPDATE contact SET blocked = 1 WHERE name = 'zoe'")
    home.sql("INSERT INTO place SELECT row, 0, '2001:db8::7', 5188 FROM contact WHERE name = 'anna'")
    home.sql("INSERT INTO place SELECT row, 1, 'box.example', 7 FROM contact WHERE name = 'anna'")
    home.sql("INSERT INTO place SELECT row, 0, '192.0.2.7', 65535 FROM contact WHERE name = 'zoe'")
    done = home.peers()
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [re.split("  +", line) for line in lines] == [
        ["NAME", "STATE", "LAST MET", "WHERE", "ID"],
        ["anna", "unverified", "2027-01-15 08:00", "[2001:db8::7]:5188 +1", key(1)],
        ["zoe", "blocked", "never", "192.0.2.7:65535", key(3)],
        ["こんにちは", "verified", "never", "-", key(2)],
    ]
    at = cells(lines[0].partition("ID")[0])
    assert [cells(line[:-64]) for line in lines[1:]] == [at, at, at]
    assert [json.loads(line) for line in home.peers("--json").out.splitlines()] == [
        {"name": name, "id": key(number), "verified": verified, "blocked": blocked, "added": added, "met": met,
         "places": places}
        for (name, number, verified, blocked, met, places), added in zip([
            ("anna", 1, False, False, "2027-01-15T08:00:00Z", ["[2001:db8::7]:5188", "box.example:7"]),
            ("zoe", 3, True, True, None, ["192.0.2.7:65535"]),
            ("こんにちは", 2, True, False, None, []),
        ], [contact["added"] for contact in home.names().values()])]


def test_show(home):
    home.add("anna", "berta")
    home.sql("UPDATE contact SET added = 1700000000, verified = 0, blocked = 1 WHERE name = 'anna'")
    home.sql("INSERT INTO place SELECT row, 0, '::1', 5188 FROM contact WHERE name = 'anna'")
    home.sql("INSERT INTO place SELECT row, 1, 'box', 7 FROM contact WHERE name = 'anna'")
    wanted = (0, "anna\n  state     blocked, unverified\n"
                 f"  id        {key(1)}\n"
                 "  added     2023-11-14 22:13\n"
                 "  last met  never\n"
                 "  where     [::1]:5188\n"
                 "            box:7\n", "")
    for name in ("anna", "ANNA", key(1), key(1).upper().replace("-", "")):
        assert home.peers("show", name).all == wanted
    done = home.peers("show", "--json", "berta")
    assert json.loads(done.out) == home.names()["berta"]


def test_changes(home):
    home.add("anna", "berta")
    home.sql("UPDATE contact SET verified = 0")
    before = home.names()

    def change(words, says):
        done = home.peers(*words)
        assert done.all == (0, says + "\n", ""), done
        names = home.names()
        assert names.pop("berta") == before["berta"]
        (contact,) = names.values()
        return contact

    anna = before["anna"]
    assert change(["verify", "anna"], f"anna is verified: {key(1)}") == {**anna, "verified": True}
    assert change(["verify", "Anna"], f"anna is verified: {key(1)}") == {**anna, "verified": True}
    assert change(["block", "anna"], "anna is blocked") == {**anna, "verified": True, "blocked": True}
    assert change(["unblock", key(1)], "anna is not blocked") == {**anna, "verified": True}
    assert change(["rename", "anna", "Anna-Maria"], "anna is called Anna-Maria now")["name"] == "Anna-Maria"
    assert change(["rename", "anna-maria", "ANNA"], "Anna-Maria is called ANNA now")["id"] == key(1)
    assert home.peers("forget", "anna").all == (0, "ANNA is forgotten\n", "")
    assert home.names() == {"berta": before["berta"]}


INVALID = ("no name for a contact (1 to 64 bytes without . : / [ ], backslashes, spaces or what cannot be seen, no - at its "
           "beginning, not localhost)")
REFUSED = {
    "a name that is taken": (["rename", "anna", "Berta"], 1,
                             "Berta: another contact has that name ('yodel peers show Berta')"),
    "nobody of that name": (["verify", "clara"], 1, "clara: no such contact ('yodel peers' lists them)"),
    "nobody of that id": (["block", key(7)], 1, f"{key(7)}: no such contact ('yodel peers' lists them)"),
    "half an id": (["forget", key(1)[:30]], 1, f"{key(1)[:30]}: no such contact ('yodel peers' lists them)"),
    "an address": (["rename", "anna", "192.0.2.1"], 2, f"192.0.2.1: {INVALID}"),
    "a space": (["rename", "anna", "a b"], 2, f"a b: {INVALID}"),
    "no name": (["rename", "anna", ""], 2, f": {INVALID}"),
    "a leading dash": (["rename", "anna", "--", "-a"], 2, f"-a: {INVALID}"),
    "this machine": (["rename", "anna", "LOCALHOST"], 2, f"LOCALHOST: {INVALID}"),
    "an escape sequence": (["rename", "anna", "a\x1b[2J"], 2, f"a\\x1b[2J: {INVALID}"),
    "65 bytes": (["rename", "anna", 65 * "a"], 2, 65 * "a" + f": {INVALID}"),
    "no new name": (["rename", "anna"], 2, "rename: which one, and to what? (yodel peers rename OLD NEW)"),
    "three names": (["rename", "a", "b", "c"], 2, "rename: which one, and to what? (yodel peers rename OLD NEW)"),
    "whom": (["forget"], 2, "forget: whom? (yodel peers forget NAME)"),
    "two at once": (["forget", "anna", "berta"], 2, "forget: one contact at a time"),
    "no action": (["anna"], 2, "anna: no such action (show, rename, verify, block, unblock, forget, me; see 'yodel "
                               "peers --help')"),
    "me and another": (["me", "anna"], 2, "me: takes no name (yodel peers me)"),
    "another key's contacts": (["show", "anna", "--identity", "x"], 2,
                               "--identity: only with me (contacts are the same whatever key you use)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(home, case):
    words, status, sentence = REFUSED[case]
    home.add("anna", "berta")
    before = home.names()
    assert home.peers(*words).all == (status, "", f"yodel: peers: {sentence}\n")
    assert home.names() == before


def test_unknown_option(home):
    done = home.peers("--everybody")
    assert (done.status, done.out) == (2, "") and done.err.startswith("yodel: peers: --everybody: ")


def test_64_bytes_are_a_name(home):
    home.add("anna")
    assert home.peers("rename", "anna", 64 * "a").status == 0
    assert list(home.names()) == [64 * "a"]


def test_nobody_is_forgotten_from_under_a_chat(home):
    home.add("anna", "berta")
    chat = home.start(TOOL, "hold", "anna", stdin=-1)
    try:
        assert chat.stdout.readline() == "held\n"
        assert home.peers("forget", "anna").all == (
            5, "", f"yodel: peers: anna: process {chat.pid} talks with them (end that chat first)\n")
        assert home.peers("forget", "berta").status == 0
        assert home.peers("rename", "anna", "annie").status == 0
        # Another one cannot hold it either.
        assert home.tool("hold", "annie").all == (1, "", f"yodel: hold: {home.db}: in use by another process (nothing "
                                                  "was changed; another yodel is at work on it; try again when it is "
                                                  "done)\n")
    finally:
        chat.kill()
        chat.communicate()
    assert home.peers("forget", "annie").all == (0, "annie is forgotten\n", "")


def test_forgotten_for_good(home):
    """No byte of them is left in any file, also while another process has the store open."""
    home.add("anna", "bertabertaberta")
    home.sql("INSERT INTO place SELECT row, 0, 'hidden.example', 5188 FROM contact WHERE name LIKE 'berta%'")
    other = home.start(TOOL, "hold", "anna", stdin=-1)
    try:
        assert other.stdout.readline() == "held\n"
        assert home.peers("forget", "bertabertaberta").status == 0
        left = home.files()
        assert any(path.name == "yodel.db-wal" for path in left)
        for path, content in left.items():
            assert b"bertaberta" not in content and b"hidden" not in content, path
    finally:
        other.communicate()
    assert list(home.names()) == ["anna"]


def test_what_stands_in_the_store_can_do_nothing_to_a_terminal(home):
    home.add("anna")
    home.sql("UPDATE contact SET name = ?", "a\x1b[2J\x9b\u202e\nyodel: \"x\\y\"")
    home.sql("INSERT INTO place VALUES (1, 0, ?, 1)", "b\x1b]0;owned\x07ox")
    for words in ([], ["show", key(1)]):
        done = home.peers(*words)
        assert done.status == 0
        assert not set(done.out) & {chr(byte) for byte in [*range(10), *range(11, 32), 127, *range(128, 160)]}
        assert "\u202e" not in done.out
        assert r"a\x1b[2J" in done.out and r"b\x1b]0;owned\x07ox:1" in done.out
    contact = json.loads(home.peers("--json").out)
    assert contact["name"] == "a\x1b[2J\x9b\u202e\nyodel: \"x\\y\""[:len(contact["name"])]


def test_me(home):
    """The key is made at first use, and nothing else; the id is that of the key, and only that is printed."""
    done = home.peers("me")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){12}\n", done.out), done
    assert [str(path) for path in home.files()] == [".config/yodel/identity.pem"]
    path = home.path / ".config/yodel/identity.pem"
    public = serialization.load_pem_private_key(path.read_bytes(), None).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(public).digest()).decode().lower().rstrip("=")
    assert done.out.rstrip("\n").replace("-", "") == text
    assert home.peers("me").out == done.out
    assert json.loads(home.peers("me", "--json").out) == {"id": done.out.rstrip("\n")}
    other = home.peers("me", "--identity", home.root / "other.pem")
    assert other.status == 0 and other.out != done.out


def test_me_with_a_key_that_others_can_read(home):
    home.peers("me")
    path = home.path / ".config/yodel/identity.pem"
    path.chmod(0o644)
    assert home.peers("me").all == (1, "", f"yodel: peers: {path}: others can read it (chmod 600 {path})\n")


def test_output_that_fails(home):
    home.add("anna")
    with open("/dev/full", "w") as full:
        done = home.peers(stdout=full)
    assert (done.status, done.err) == (1, "yodel: standard output: no space left on device\n")


def test_help_tells_every_action(home):
    done = home.run(YODEL, "help", "peers")
    assert (done.status, done.err) == (0, "")
    for action in ("show", "rename", "verify", "block", "unblock", "forget", "me", "--json", "--identity"):
        assert f"\n  {action} " in done.out
    assert done.out == home.peers("-h").out


def test_many_contacts_are_listed_in_order(home):
    assert home.tool("add", "anna", 1, 300).status == 0
    names = list(home.names())
    assert names == sorted(names) and len(names) == 300
    assert {contact["id"] for contact in home.names().values()} == {key(number) for number in range(1, 301)}
