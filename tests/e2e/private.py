# SPDX-License-Identifier: GPL-3.0-or-later
"""The private protocol once more, written from PROTOCOL.md and not from the program: whoever calls, whoever listens, and
both as badly behaved as a test wants them. It shares no code with yodel, so that a mistake of the one is not one of the
other."""

import base64
import ctypes
import datetime
import hashlib
import hmac
import ipaddress
import os
import re
import select
import socket
import struct
from collections import namedtuple
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat, PublicFormat,
                                                          load_pem_private_key)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from service import PATIENCE, Late

ALPN = b"yodel/1"
EXPORTER = b"EXPORTER-yodel-1"

HELLO, PROOF, COMMIT, NONCE, REVEAL, WELCOME, REFUSE, READY = range(1, 9)
TEXT, DATA, EOF, BYE, BYE_ACK = range(0x10, 0x15)
FRAMES = {value: name for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)}

TALK, STREAM = 1, 2
BY_KEY, BY_TICKET, BY_NUMBER, YOURSELF = range(1, 5)
(BUSY, DECLINED, TICKET_WRONG, TICKET_USED, TICKET_EXPIRED, DUPLICATE, OTHER_MODE, OTHER_VERSION,
 NO_ANSWER) = range(1, 10)

FRAME_MAX, GREETING_MAX = 65536, 4096
MESSAGE_MAX = 1 << 20
PIECE_MAX = 16384 - 5 - 1


class Broken(AssertionError):
    """The other side did what the protocol forbids."""


class Cut(AssertionError):
    """The connection ended, and not with close_notify."""


class Alert(AssertionError):
    """TLS came to nothing; the text is what OpenSSL says of it."""


class Refused(AssertionError):
    """REFUSE came; .code is its code."""

    def __init__(self, code):
        super().__init__(f"refused: {code}")
        self.code = code


# --- who somebody is

VALID = datetime.datetime(1970, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)


class Key:
    """A private key. Only Ed25519 is allowed; `kind` may be "rsa" or "ec" all the same."""

    def __init__(self, private=None, kind="ed25519"):
        make = {"ed25519": ed25519.Ed25519PrivateKey.generate,
                "rsa": lambda: rsa.generate_private_key(65537, 2048),
                "ec": lambda: ec.generate_private_key(ec.SECP256R1())}
        self.private = private or make[kind]()
        self.spki = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(self.spki).digest()

    @classmethod
    def load(cls, path):
        with open(path, "rb") as file:
            return cls(load_pem_private_key(file.read(), None))

    @classmethod
    def from_seed(cls, seed):
        return cls(ed25519.Ed25519PrivateKey.from_private_bytes(seed))

    def save(self, path):
        """As identity.pem."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as file:
            file.write(self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def text(self):
        return id_text(self.id)

    def certificate(self, padding=0, valid=VALID, signer=None, name="yodel"):
        """Self-signed, as it is sent. `padding` makes it that much longer; `signer` is another Key that signs it."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).serial_number(1)
                   .public_key(self.private.public_key()).not_valid_before(valid[0]).not_valid_after(valid[1]))
        if padding:
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")  # for documentation: RFC 5612
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, bytes(padding)), critical=False)
        private = (signer or self).private
        digest = None if isinstance(private, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return crypto.X509.from_cryptography(builder.sign(private, digest))


def id_text(identity):
    """32 bytes as people see them: 13 groups of four."""
    text = base32(identity)
    return "-".join(text[at:at + 4] for at in range(0, len(text), 4))


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def from_base32(text):
    data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if base32(data) != text.lower():
        raise Broken("bits that are left over")
    return data


# --- tickets

Ticket = namedtuple("Ticket", "places listener secret")


# Labels of letters, digits and inner hyphens; the last is no number.
PLACE_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+\Z|0x[0-9a-f]*\Z)"
                        r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)


def pack_place(host, port):
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes([1, len(host)]) + host.encode("ascii") + struct.pack(">H", port)
    return bytes([address.version]) + address.packed + struct.pack(">H", port)


def unpack_place(data):
    """((host, port), what follows)."""
    kind, data = data[0], data[1:]
    if kind in (4, 6):
        size = {4: 4, 6: 16}[kind]
        host, data = str(ipaddress.ip_address(data[:size])), data[size:]
    elif kind == 1:
        host, data = data[1:1 + data[0]].decode("ascii"), data[1 + data[0]:]
        if len(host) > 253 or not PLACE_NAME.fullmatch(host):
            raise Broken(f"a place called {host!r}")
    else:
        raise Broken(f"a place of kind {kind}")
    port = struct.unpack(">H", data[:2])[0]
    if port == 0:
        raise Broken("port 0")
    return (host, port), data[2:]


def pack_ticket(ticket, version=1, check=None):
    body = (bytes([version, len(ticket.places)]) + b"".join(pack_place(*place) for place in ticket.places) +
            ticket.listener + ticket.secret)
    return "yodel://" + base32(body + (hashlib.sha256(body).digest()[:4] if check is None else check))


def unpack_ticket(text):
    text = re.sub(r"[\s-]", "", text, flags=re.ASCII)
    if text[:8].lower() != "yodel://":
        raise Broken(f"no ticket: {text!r}")
    data = from_base32(text[8:])
    body, check = data[:-4], data[-4:]
    if hashlib.sha256(body).digest()[:4] != check or body[0] != 1 or not 1 <= body[1] <= 16:
        raise Broken(f"no ticket: {text!r}")
    places, rest = [], body[2:]
    for _ in range(body[1]):
        place, rest = unpack_place(rest)
        places.append(place)
    if len(rest) != 48:
        raise Broken(f"no ticket: {text!r}")
    return Ticket(tuple(places), rest[:32], rest[32:])


def proof(secret, exporter, listener, caller):
    return hmac.digest(secret, b"yodel/1 ticket caller" + exporter + listener + caller, "sha256")


def commitment(exporter, listener, caller, nonce):
    return hashlib.sha256(b"yodel/1 commit" + exporter + listener + caller + nonce).digest()


def number(exporter, listener, caller, caller_nonce, listener_nonce):
    """What both sides show: "1234 5678 9012"."""
    digest = hashlib.sha256(b"yodel/1 number" + exporter + listener + caller + caller_nonce + listener_nonce).digest()
    digits = "%012d" % (int.from_bytes(digest[:8], "big") % 10**12)
    return " ".join((digits[:4], digits[4:8], digits[8:]))


# --- frames

def pack_frame(kind, payload=b""):
    return struct.pack(">IB", len(payload), kind) + payload


Hello = namedtuple("Hello", "version mode features name places rest")


def pack_hello(name="peer", mode=TALK, places=(), version=1, features=0, rest=b"", name_length=None, count=None):
    name = name.encode() if isinstance(name, str) else name
    return (struct.pack(">BBIB", version, mode, features, len(name) if name_length is None else name_length) + name +
            bytes([len(places) if count is None else count]) + b"".join(pack_place(*place) for place in places) + rest)


def unpack_hello(payload):
    version, mode, features, length = struct.unpack(">BBIB", payload[:7])
    name, rest = payload[7:7 + length], payload[7 + length:]
    if version != 1 or not 1 <= len(name) == length <= 64 or rest[0] > 16:
        raise Broken(f"a HELLO that is none: {payload!r}")
    places, count, rest = [], rest[0], rest[1:]
    for _ in range(count):
        place, rest = unpack_place(rest)
        places.append(place)
    return Hello(version, mode, features, name, tuple(places), rest)


# --- TLS

TLS_1_2, TLS_1_3 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION
SSL_CTRL_SET_GROUPS_LIST = 92
NOTHING = object()


def _libssl():
    lib = ctypes.CDLL("libssl.so.3")
    lib.SSL_CTX_set_num_tickets.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    lib.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
    return lib


LIBSSL = _libssl()


def tls(role, key, alpn=(ALPN,), versions=(TLS_1_3, TLS_1_3), groups="X25519", certificate=None, chain=(), tickets=0,
        ciphers=None, judge=None):
    """A connection of OpenSSL's without a socket. `certificate` is an X509 to show instead of the key's own, or NOTHING;
    `chain` are more of them; `judge` says of the other side's SubjectPublicKeyInfo whether to go on."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(versions[0])
    context.set_max_proto_version(versions[1])
    raw = int(SSL._ffi.cast("uintptr_t", context._context))  # pylint: disable=protected-access
    assert LIBSSL.SSL_CTX_ctrl(raw, SSL_CTRL_SET_GROUPS_LIST, 0, groups.encode()) == 1
    LIBSSL.SSL_CTX_set_num_tickets(raw, tickets)
    if ciphers:
        assert SSL._lib.SSL_CTX_set_ciphersuites(context._context, ciphers.encode()) == 1
    if versions[0] < TLS_1_3:
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if certificate is not NOTHING:
        context.use_certificate(certificate or key.certificate())
        context.use_privatekey(crypto.PKey.from_cryptography_key(key.private))
    for each in chain:
        context.add_extra_chain_cert(each)

    def verify(_connection, shown, _error, depth, _ok):
        public = shown.get_pubkey().to_cryptography_key()
        return depth > 0 or judge is None or judge(
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    if role == "caller":
        if alpn:
            context.set_alpn_protos(list(alpn))
    else:
        context.set_alpn_select_callback(
            lambda _, offered: next((each for each in alpn if each in offered), SSL.NO_OVERLAPPING_PROTOCOLS))
    connection = SSL.Connection(context, None)
    if role == "caller":
        connection.set_connect_state()
    else:
        connection.set_accept_state()
    return connection


class Link:
    """TLS over a connected socket. The socket stays the caller's to close, if nobody calls close() or cut() here."""

    def __init__(self, sock, role, key, **how):
        self.sock, self.role, self.key = sock, role, key
        self.tls = tls(role, key, **how)
        self.wanted = how.get("alpn", (ALPN,))
        self.ended = False  # TCP has

    def _push(self):
        while True:
            try:
                self.sock.sendall(self.tls.bio_read(1 << 16))
            except SSL.WantReadError:
                return

    def _pull(self, seconds):
        self.sock.settimeout(seconds * PATIENCE)
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            raise Late(f"nothing came within {seconds * PATIENCE:.1f} s") from None
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            raise Cut("the connection ended")
        self.tls.bio_write(data)

    def _try(self, call, seconds):
        """Until it neither wants to read nor to write."""
        while True:
            try:
                result = call()
            except SSL.WantReadError:
                self._push()
                self._pull(seconds)
                continue
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                with suppress(OSError):
                    self._push()  # the alert
                raise Alert(str(error)) from None
            self._push()
            return result

    def handshake(self, seconds=5):
        """Both sides' part of it, as far as this side can tell."""
        self._try(self.tls.do_handshake, seconds)
        if self.wanted and (chosen := self.tls.get_alpn_proto_negotiated()) not in self.wanted:
            self.cut()
            raise Alert(f"no protocol in common, but {chosen!r}")
        return self

    def send(self, data):
        for at in range(0, len(data), 16384):
            self._try(lambda at=at: self.tls.send(data[at:at + 16384]), 5)

    def receive(self, seconds=5):
        """Some bytes; b"" after close_notify. Cut if the connection ended without it."""
        return self._try(lambda: self.tls.recv(1 << 16), seconds)

    def receive_now(self):
        """What has come, and whether close_notify has; waits for nothing. Cut if the connection ended without it."""
        if select.select([self.sock], [], [], 0)[0]:
            self._pull(5)
        parts = []
        while True:
            try:
                parts.append(self.tls.recv(1 << 16))
            except SSL.WantReadError:
                self._push()
                return b"".join(parts), False
            except SSL.ZeroReturnError:
                return b"".join(parts), True
            except SSL.Error as error:
                raise Alert(str(error)) from None

    @property
    def exporter(self):
        return self.tls.export_keying_material(EXPORTER, 32)

    @property
    def peer_id(self):
        public = self.tls.get_peer_certificate().get_pubkey().to_cryptography_key()
        return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    def close_notify(self):
        self.tls.shutdown()
        self._push()

    def cut(self):
        """End the connection, and TLS not at all."""
        self.sock.close()


# --- a peer

class Peer:
    """One end of a private connection: `role` is "caller" or "listener". What is called `wrong` in a method is sent
    in place of what is right."""

    def __init__(self, sock, role, key=None, name="peer", mode=TALK, places=(), **how):
        self.key = key or Key()
        self.role, self.name, self.mode, self.places = role, name, mode, places
        self.link = Link(sock, role, self.key, **how)
        self.sock = sock
        self.received = bytearray()
        self.limit = GREETING_MAX
        self.hello = None  # the other side's
        self.how = None  # of the WELCOME
        self.nonce = os.urandom(32)

    # --- TLS and frames

    def handshake(self, seconds=5):
        self.link.handshake(seconds)
        return self

    def send(self, kind, payload=b""):
        self.link.send(pack_frame(kind, payload))

    def _frame(self):
        if len(self.received) < 5:
            return None
        length, kind = struct.unpack(">IB", self.received[:5])
        if length > self.limit:
            raise Broken(f"a frame of {length} bytes")
        if len(self.received) < 5 + length:
            return None
        payload = bytes(self.received[5:5 + length])
        del self.received[:5 + length]
        return kind, payload

    def receive(self, seconds=5):
        """The next frame as (type, payload), but none of the extensible range; None after close_notify."""
        while True:
            while frame := self._frame():
                if frame[0] < 0x80:
                    return frame
            data = self.link.receive(seconds)
            if not data:
                if self.received:
                    raise Broken(f"close_notify within a frame: {bytes(self.received[:50])!r}")
                return None
            self.received += data

    def arrived(self):
        """The frames that have come, all types of them; None for close_notify. Waits for nothing."""
        data, closed = self.link.receive_now()
        self.received += data
        frames = []
        while frame := self._frame():
            frames.append(frame)
        return [*frames, None] if closed else frames

    def expect(self, *kinds, seconds=5):
        """A frame of one of these types: its payload, or (type, payload) if there are several."""
        frame = self.receive(seconds)
        if frame is None:
            raise Broken(f"close_notify, not {[FRAMES[kind] for kind in kinds]}")
        kind, payload = frame
        if kind == REFUSE and REFUSE not in kinds:
            raise Refused(payload[0])
        if kind not in kinds:
            raise Broken(f"{FRAMES.get(kind, kind)} {payload[:50]!r}, not {[FRAMES[each] for each in kinds]}")
        return payload if len(kinds) == 1 else frame

    # --- the greeting

    @property
    def ids(self):
        """(the listener's, the caller's)."""
        own, other = self.key.id, self.link.peer_id
        return (other, own) if self.role == "caller" else (own, other)

    def say_hello(self, **wrong):
        fields = {"name": self.name, "mode": self.mode, "places": self.places} | wrong
        self.send(HELLO, pack_hello(**fields))

    def hear_hello(self, seconds=5):
        self.hello = unpack_hello(self.expect(HELLO, seconds=seconds))
        return self.hello

    def refuse(self, code):
        self.send(REFUSE, bytes([code]))

    def expect_refusal(self, seconds=5):
        """REFUSE, then the end in good order. Returns the code."""
        code, = self.expect(REFUSE, seconds=seconds)
        self.expect_end(seconds)
        return code

    # --- the session

    def say(self, text, piece=PIECE_MAX):
        text = text.encode() if isinstance(text, str) else text
        parts = [text[at:at + piece] for at in range(0, len(text), piece)] or [b""]
        for at, part in enumerate(parts):
            self.send(TEXT, bytes([(at == 0) | (at == len(parts) - 1) << 1]) + part)

    def hear(self, seconds=5):
        """One message, as text if it is UTF-8."""
        text, first = b"", True
        while True:
            payload = self.expect(TEXT, seconds=seconds)
            if not payload or payload[0] & ~3 or bool(payload[0] & 1) != first:
                raise Broken(f"flags out of order: {payload[:20]!r}")
            text, first = text + payload[1:], False
            if len(text) > MESSAGE_MAX:
                raise Broken("a message that is too long")
            if payload[0] & 2:
                return text.decode("utf-8", "surrogateescape")

    def stream(self, data):
        for at in range(0, len(data), PIECE_MAX):
            self.send(DATA, data[at:at + PIECE_MAX])

    def read_stream(self, seconds=5):
        """The other side's stream up to its EOF."""
        parts = []
        while (frame := self.expect(DATA, EOF, seconds=seconds))[0] == DATA:
            if not frame[1]:
                raise Broken("DATA without data")
            parts.append(frame[1])
        return b"".join(parts)

    def leave(self, seconds=5, wait=True):
        """Say goodbye, wait for the answer, and end the connection; wait for the other side's end unless told not to.
        Returns what was said meanwhile, as frames."""
        self.send(BYE)
        meanwhile = []
        while (frame := self.receive(seconds)) and frame[0] not in (BYE, BYE_ACK):
            meanwhile.append(frame)
        if frame is None:
            raise Broken("close_notify in place of BYE_ACK")
        if frame[0] == BYE:
            self.send(BYE_ACK)
            self.expect(BYE_ACK, seconds=seconds)
        self.link.close_notify()
        if wait:
            self.expect_end(seconds)
        self.sock.close()
        return meanwhile

    def hear_goodbye(self, seconds=5):
        """BYE comes; answer it, and see the connection end."""
        if self.expect(BYE, seconds=seconds) != b"":
            raise Broken("BYE with something in it")
        self.send(BYE_ACK)
        self.expect_end(seconds)

    # --- the end

    def expect_end(self, seconds=5):
        """close_notify, and nothing before it."""
        frame = self.receive(seconds)
        if frame is not None:
            raise Broken(f"{FRAMES.get(frame[0], frame[0])} {frame[1][:50]!r}, not the end")
        self.close()

    def close(self):
        with suppress(OSError, SSL.Error):  # it may have hung up already
            self.link.close_notify()
        self.sock.close()

    def cut(self):
        self.link.cut()


class Caller(Peer):
    def __init__(self, sock, **how):
        super().__init__(sock, "caller", **how)

    def prove(self, secret, wrong=None):
        listener, caller = self.ids
        self.send(PROOF, wrong or proof(secret, self.link.exporter, listener, caller))

    def commit(self, wrong=None):
        self.send(COMMIT, wrong or commitment(self.link.exporter, *self.ids, self.nonce))

    def exchange(self, wrong=None, seconds=5):
        """NONCE has to come; reveal ours. Returns the number."""
        theirs = self.expect(NONCE, seconds=seconds)
        if len(theirs) != 32:
            raise Broken(f"a nonce of {len(theirs)} bytes")
        self.send(REVEAL, wrong or self.nonce)
        return number(self.link.exporter, *self.ids, self.nonce, theirs)

    def welcomed(self, seconds=5):
        """WELCOME has to come; Refused if it does not. Returns how."""
        self.how, = self.expect(WELCOME, seconds=seconds)
        return self.how

    def ready(self):
        self.send(READY)
        self.limit = FRAME_MAX
        return self

    def greet(self, secret=None, seconds=5):
        """All of it, up to READY, with a ticket's secret or for somebody who knows our key."""
        self.handshake(seconds)
        self.say_hello()
        if secret:
            self.prove(secret)
        else:
            self.commit()
        self.hear_hello(seconds)
        self.welcomed(seconds)
        return self.ready()


class Listener(Peer):
    def __init__(self, sock, **how):
        super().__init__(sock, "listener", **how)

    def asked(self, seconds=5):
        """The other side's HELLO, and (PROOF or COMMIT, its payload)."""
        self.hear_hello(seconds)
        kind, payload = self.expect(PROOF, COMMIT, seconds=seconds)
        if len(payload) != 32:
            raise Broken(f"{FRAMES[kind]} of {len(payload)} bytes")
        return kind, payload

    def proves(self, secret, payload):
        return payload == proof(secret, self.link.exporter, *self.ids)

    def compare(self, committed, wrong=None, seconds=5):
        """Send our nonce; the other side's has to be what it committed to. Returns the number."""
        self.send(NONCE, wrong or self.nonce)
        theirs = self.expect(REVEAL, seconds=seconds)
        if commitment(self.link.exporter, *self.ids, theirs) != committed:
            raise Broken("the nonce is not the one that was committed to")
        return number(self.link.exporter, *self.ids, theirs, self.nonce)

    def welcome(self, how):
        self.how = how
        self.send(WELCOME, bytes([how]))

    def begun(self, seconds=5):
        """READY has to come."""
        if self.expect(READY, seconds=seconds) != b"":
            raise Broken("READY with something in it")
        self.limit = FRAME_MAX
        return self

    def greet(self, secret=None, seconds=5):
        """All of it, up to READY: a proof of the secret has to come, or, without one, anybody is let in by key."""
        self.handshake(seconds)
        self.say_hello()
        kind, payload = self.asked(seconds)
        assert (kind == PROOF) == (secret is not None), f"{FRAMES[kind]} came"
        assert secret is None or self.proves(secret, payload), "the proof is wrong"
        self.welcome(BY_TICKET if secret else BY_KEY)
        return self.begun(seconds)


def connected():
    """Two sockets that are connected with each other: the caller's and the listener's."""
    return socket.socketpair()
