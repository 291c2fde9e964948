# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own implementation of the private protocol makes and reads what stands in tests/vectors."""

import hashlib
import struct
from binascii import unhexlify as raw

import pytest

from private import (COMMIT, HELLO, NONCE, PROOF, REVEAL, Broken, Ticket, commitment, from_base32, id_text, number,
                     pack_frame, pack_hello, pack_place, pack_ticket, proof, unpack_hello, unpack_place, unpack_ticket)
from service import ROOT

BAD = (Broken, IndexError, ValueError, struct.error)


def records(name):
    """The records of a file, each a list of (name, value)."""
    text = (ROOT / "tests" / "vectors" / f"{name}.txt").read_text("ascii")
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    blocks = "\n".join(lines).strip("\n").split("\n\n")
    found = [[tuple((line + " ").split(" ", 1)) for line in block.split("\n")] for block in blocks]
    return [[(key, value.rstrip(" ")) for key, value in record] for record in found]


def fields(record):
    assert len({key for key, _ in record}) == len(record), record
    return dict(record)


def place(value):
    host, port = value.split(" ")
    return host, int(port)


def places(record):
    return tuple(place(value) for key, value in record if key == "place")


def whole(data):
    """A place and nothing behind it."""
    found, rest = unpack_place(data)
    if rest:
        raise Broken("more than a place")
    return found


def test_ids():
    for record in map(fields, records("id")):
        if "spki" in record:
            assert hashlib.sha256(raw(record["spki"])).hexdigest() == record["id"]
        assert id_text(raw(record["id"])) == record["text"]
        assert from_base32(record["text"].replace("-", "")) == raw(record["id"])


def test_places():
    for record in map(fields, records("place")):
        if "bad" in record:
            with pytest.raises(BAD):
                whole(raw(record["bad"]))
        else:
            assert pack_place(*place(record["place"])) == raw(record["bytes"])
            assert whole(raw(record["bytes"])) == place(record["place"])


def test_frames():
    for record in map(fields, records("frame")):
        assert pack_frame(int(record["type"], 16), raw(record["payload"])) == raw(record["bytes"])


def test_hellos():
    for record in records("hello"):
        first, value = record[0]
        if first == "bad":
            with pytest.raises(BAD):
                unpack_hello(raw(value))
        elif first == "longer":
            assert unpack_hello(raw(value)).rest
        else:
            known = dict(record)
            features, mode = int(known["features"], 16), int(known["mode"])
            assert pack_hello(raw(known["name"]), mode, places(record), features=features) == raw(known["payload"])
            hello = unpack_hello(raw(known["payload"]))
            assert hello == (1, mode, features, raw(known["name"]), places(record), b"")


def test_tickets():
    for record in records("ticket"):
        known = dict(record)
        ticket = Ticket(places(record), raw(known["listener"]), raw(known["secret"]))
        assert pack_ticket(ticket) == known["text"]
        assert from_base32(known["text"][len("yodel://"):]) == raw(known["bytes"])
        assert unpack_ticket(known["text"]) == ticket


def test_proofs():
    for record in map(fields, records("proof")):
        made = proof(*(raw(record[key]) for key in ("secret", "exporter", "listener", "caller")))
        assert made == raw(record["proof"])


def test_numbers():
    for record in map(fields, records("number")):
        exporter, listener, caller, callers, listeners = (
            raw(record[key]) for key in ("exporter", "listener", "caller", "caller-nonce", "listener-nonce"))
        assert commitment(exporter, listener, caller, callers) == raw(record["commit"])
        assert number(exporter, listener, caller, callers, listeners) == record["number"]


def test_greetings():
    """What depends on a secret is what it must be, and so is the number."""
    checked = 0
    for record in records("greeting"):
        known = dict(record)
        ids = [raw(known[key]) for key in ("exporter", "listener-id", "caller-id")]
        nonces = [raw(known.get(key, "")) for key in ("caller-nonce", "listener-nonce")]
        expected = {PROOF: proof(raw(known.get("secret", "")), *ids), COMMIT: commitment(*ids, nonces[0]),
                    NONCE: nonces[1], REVEAL: nonces[0]}
        for key, value in record:
            if key not in ("caller", "listener"):
                continue
            frame = raw(value)
            kind, payload = frame[4], frame[5:]
            assert pack_frame(kind, payload) == frame
            if kind == HELLO:
                unpack_hello(payload)
            if kind in expected:
                assert payload == expected[kind]
                checked += 1
        if "number" in known:
            assert number(*ids, *nonces) == known["number"]
    assert checked >= 6
