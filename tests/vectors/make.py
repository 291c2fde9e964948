#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the test vectors of PROTOCOL.md: an implementation of its formats that shares nothing with the program.

Writes the .txt files beside this one and the blocks in PROTOCOL.md that show them. With --check it writes nothing and
fails if anything is not as it would be written."""
import base64
import hashlib
import hmac
import ipaddress
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / 'PROTOCOL.md'

HELLO, PROOF, COMMIT, NONCE, REVEAL, WELCOME, REFUSE, READY = range(1, 9)
TEXT, DATA, EOF, BYE, BYE_ACK = range(0x10, 0x15)


def some(what, count):
    """Bytes that look like anything, and are the same every time."""
    return hashlib.sha256(b'yodel test vector: ' + what.encode()).digest()[:count]


def base32(data):
    return base64.b32encode(data).decode().rstrip('=').lower()


def id_text(ident):
    text = base32(ident)
    return '-'.join(text[at:at + 4] for at in range(0, len(text), 4))


def place(host, port):
    try:
        address = ipaddress.ip_address(host)
        data = bytes([address.version]) + address.packed
    except ValueError:
        data = bytes([1, len(host)]) + host.encode()
    return data + struct.pack('>H', port)


def frame(kind, payload=b''):
    return struct.pack('>IB', len(payload), kind) + payload


def hello(mode, features, name, places):
    return (struct.pack('>BBIB', 1, mode, features, len(name)) + name + bytes([len(places)])
            + b''.join(place(*each) for each in places))


def ticket(places, listener, secret):
    data = bytes([1, len(places)]) + b''.join(place(*each) for each in places) + listener + secret
    return data + hashlib.sha256(data).digest()[:4]


def proof(secret, exporter, listener, caller):
    return hmac.new(secret, b'yodel/1 ticket caller' + exporter + listener + caller, hashlib.sha256).digest()


def commit(exporter, listener, caller, caller_nonce):
    return hashlib.sha256(b'yodel/1 commit' + exporter + listener + caller + caller_nonce).digest()


def number(exporter, listener, caller, caller_nonce, listener_nonce):
    whole = hashlib.sha256(b'yodel/1 number' + exporter + listener + caller + caller_nonce + listener_nonce).digest()
    digits = '%012d' % (int.from_bytes(whole[:8], 'big') % 10**12)
    return ' '.join((digits[:4], digits[4:8], digits[8:]))


def show(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return ' '.join(map(str, value))
    return str(value)


def record(*pairs):
    return ''.join(f'{name} {show(value)}'.rstrip() + '\n' for name, value in pairs)


def ids():
    yield 'The key is the public one of test 1 in RFC 8032, 7.1; the other ids are any.'
    key = bytes.fromhex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    spki = bytes.fromhex('302a300506032b6570032100') + key
    ident = hashlib.sha256(spki).digest()
    yield record(('spki', spki), ('id', ident), ('text', id_text(ident)))
    for ident in (bytes(32), b'\xff' * 32, some('listener', 32)):
        yield record(('id', ident), ('text', id_text(ident)))


PLACES = (
    ('192.0.2.7', 5188), ('0.0.0.0', 1), ('255.255.255.255', 65535), ('2001:db8::7', 5188), ('::1', 7),
    ('2001:db8:1:2:3:4:5:6', 40000), ('localhost', 5188), ('xn--bcher-kva.example', 443), ('A.3com', 5188),
    ('-'.join(['a' * 31] * 2) + '.' + '.'.join(['b' * 63] * 2) + '.' + 'c' * 61, 5188),
)


def places():
    yield 'A place and its bytes; bad: bytes that are none.'
    for each in PLACES:
        yield record(('place', each), ('bytes', place(*each)))
    names = ('', '.', 'a.', '.a', 'a..b', '-a', 'a-', 'a_b', 'a b', 'ä', '127.1', '192.0.2.7', '7', '0x7f.0x1', '0x',
             'a\0b', 'a' * 64, 'xy' + '.yz' * 84)
    bad = [b'', bytes([1]), place('host', 0), place('192.0.2.7', 0), place('::1', 0), place('::1', 7)[:-1],
           b'\2' + place('host', 7)[1:], b'\5' + place('192.0.2.7', 7)[1:]]
    for name in names:
        data = name.encode()
        bad.append(bytes([1, len(data)]) + data + b'\x14\x44')
    for each in bad:
        yield record(('bad', each))


def frames():
    yield 'A frame: its type, its payload, and the whole.'
    for kind, payload in ((READY, b''), (WELCOME, b'\2'), (REFUSE, b'\1'), (NONCE, some('nonce', 32)),
                          (TEXT, b'\3' + 'grüße'.encode()), (DATA, bytes(5)), (EOF, b''), (BYE, b''), (BYE_ACK, b''),
                          (0x80, b'whatever')):
        yield record(('type', '%02x' % kind), ('payload', payload), ('bytes', frame(kind, payload)))


HELLOS = (
    (1, 0, b'anna', (('2001:db8::7', 5188), ('192.0.2.7', 5188))),
    (2, 0, 'b\u00e9n'.encode(), ()),
    (1, 0xffffffff, b'x' * 64, PLACES[:9] + PLACES[:7]),
    (250, 1, b'\0\x1b\xff', (('box.example', 7),)),
)


def hellos():
    yield ('The payload of HELLO; the name is hexadecimal, and there may be several places. longer: more follows, which\n'
           '# is ignored. bad: payloads that are none.')
    for mode, features, name, where in HELLOS:
        yield record(('mode', mode), ('features', '%08x' % features), ('name', name),
                     *(('place', each) for each in where), ('payload', hello(mode, features, name, where)))
    first = hello(*HELLOS[0])
    yield record(('longer', first + b'more'))
    for each in (b'', b'\1', hello(1, 0, b'', ()), hello(1, 0, b'x' * 65, ()), first[:-1],
                 hello(1, 0, b'x', (('host', 7),) * 17), hello(1, 0, b'x', (('host', 0),))):
        yield record(('bad', each))


def tickets():
    yield 'A ticket, its bytes, and its text.'
    listener, secret = some('listener', 32), some('secret', 16)
    for where in ((('2001:db8::7', 5188), ('192.0.2.7', 5188), ('box.example', 443)), (('192.0.2.7', 5188),),
                  PLACES[:9] + PLACES[:7]):
        data = ticket(where, listener, secret)
        yield record(*(('place', each) for each in where), ('listener', listener), ('secret', secret),
                     ('bytes', data), ('text', 'yodel://' + base32(data)))


def proofs():
    yield 'What a caller with a ticket shows: of the secret, the exporter, the listener\'s id and its own.'
    listener, caller = some('listener', 32), some('caller', 32)
    for secret, exporter in ((some('secret', 16), some('exporter', 32)), (bytes(16), bytes(32))):
        yield record(('secret', secret), ('exporter', exporter), ('listener', listener), ('caller', caller),
                     ('proof', proof(secret, exporter, listener, caller)))


def numbers():
    yield 'What the caller commits to, and the number that both show. In the last two the number begins with zeros.'
    exporter, listener, caller, theirs = (some(name, 32) for name in ('exporter', 'listener', 'caller', 'nonce'))

    def one(turn):
        ours = some(f'caller nonce {turn}', 32)
        return record(('exporter', exporter), ('listener', listener), ('caller', caller), ('caller-nonce', ours),
                      ('listener-nonce', theirs), ('commit', commit(exporter, listener, caller, ours)),
                      ('number', number(exporter, listener, caller, ours, theirs)))
    yield one(0)
    yield one(1)
    for beginning in ('000', '0000'):
        yield one(next(turn for turn in range(10**6) if number(
            exporter, listener, caller, some(f'caller nonce {turn}', 32), theirs).startswith(beginning)))


def greetings():
    yield ('Whole greetings: what was known before, then the frames, in an order in which they may come. The listener\'s\n'
           '# HELLO and the caller\'s first frames do not wait for each other.')
    exporter, listener, caller = (some(name, 32) for name in ('exporter', 'listener', 'caller'))
    secret, ours, theirs = some('secret', 16), some('caller nonce 0', 32), some('nonce', 32)
    first = (('caller', frame(HELLO, hello(1, 0, b'ben', (('192.0.2.20', 5188),)))),
             ('listener', frame(HELLO, hello(*HELLOS[0]))))
    known = (('exporter', exporter), ('listener-id', listener), ('caller-id', caller))
    nonces = (('caller-nonce', ours), ('listener-nonce', theirs))
    claim = ('caller', frame(COMMIT, commit(exporter, listener, caller, ours)))
    shown = ('caller', frame(PROOF, proof(secret, exporter, listener, caller)))
    welcome = {how: ('listener', frame(WELCOME, bytes([how]))) for how in (1, 2, 3)}
    ready = ('caller', frame(READY))
    yield record(('way', 'ticket'), *known, ('secret', secret), *first, shown, welcome[2], ready)
    yield record(('way', 'key'), *known, *nonces, *first, claim, welcome[1], ready)
    yield record(('way', 'number'), *known, *nonces, ('number', number(exporter, listener, caller, ours, theirs)),
                 *first, claim, ('listener', frame(NONCE, theirs)), ('caller', frame(REVEAL, ours)), welcome[3], ready)
    yield record(('way', 'refused'), *known, ('secret', secret), *first, shown, ('listener', frame(REFUSE, b'\4')))


FILES = {'id': ids, 'place': places, 'frame': frames, 'hello': hellos, 'ticket': tickets, 'proof': proofs,
         'number': numbers, 'greeting': greetings}


def texts():
    """Each file's name and what belongs into it."""
    for name, make in FILES.items():
        heading, *records = make()
        yield f'{name}.txt', '# SPDX-License-Identifier: GPL-3.0-or-later\n# ' + '\n'.join((heading + '\n', *records))


def shown_in(document, name, text):
    """The document with the block that shows a file as it must be; records with long lines are left out."""
    begin = f'<!-- tests/vectors/{name} -->\n```text\n'
    if begin not in document:
        raise SystemExit(f'{DOCUMENT}: shows no tests/vectors/{name}')
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition('```\n')
    records = text.split('\n\n', 1)[1].split('\n\n')
    short = [each.rstrip('\n') for each in records if max(map(len, each.split('\n'))) <= 300]
    return before + begin + '\n\n'.join(short) + '\n```\n' + after


def main():
    check = sys.argv[1:] == ['--check']
    wanted = {HERE / name: text for name, text in texts()}
    document = DOCUMENT.read_text()
    for path, text in wanted.items():
        document = shown_in(document, path.name, text)
    wanted[DOCUMENT] = document
    different = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in different:
        print(f'{path}: is not what {Path(__file__).name} makes' if check else f'{path}: written')
        if not check:
            path.write_text(wanted[path])
    strays = {path for path in HERE.glob('*.txt')} - set(wanted)
    for path in strays:
        print(f'{path}: nobody makes it')
    return 1 if strays or (check and different) else 0


if __name__ == '__main__':
    sys.exit(main())
