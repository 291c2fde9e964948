# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes until the first message is on the other side, for a caller who has it ready in a pipe.

  exec     from posix_spawn() of the caller until the listener has written it.
  connect  the same from where the connection is accepted. A relay of this run's own stands between the two, accepts,
           and passes on what comes: each way there or back takes its share of the time, so that what is
           measured is more than it takes. Plain text passes it once, a handshake and a greeting some times."""
import contextlib
import os
import select
import socket

from programs import DEADLINE_S, HOST, Failed, Piped, free_port, now_ms, wait_listening

LINE = b"the first message\n"


class Relay:
    """Between a caller and a listener."""

    def __init__(self, port, stack):
        self.door = stack.enter_context(socket.create_server((HOST, 0)))
        self.port, self.to, self.stack = self.door.getsockname()[1], port, stack
        self.accepted, self.other = None, {}

    def wanted(self):
        return [self.door] if self.accepted is None else list(self.other)

    def step(self, ready):
        if ready is not self.door:
            self.other[ready].sendall(ready.recv(1 << 16))
            return
        caller, _ = self.door.accept()
        self.accepted = now_ms()
        listener = socket.create_connection((HOST, self.to))
        for sock in (caller, listener):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stack.enter_context(sock)
        self.other = {caller: listener, listener: caller}


def wait_message(output, relay, command):
    """Until the line has come out, passing on what comes to the relay."""
    text, deadline = b"", now_ms() + DEADLINE_S * 1e3
    while LINE not in text:
        for ready in select.select([output, *(relay.wanted() if relay else [])], [], [], 1)[0]:
            if ready != output:
                relay.step(ready)
            elif chunk := os.read(output, 4096):
                text += chunk
            else:
                raise Failed(f"{' '.join(command)} has ended")
        if now_ms() > deadline:
            raise Failed(f"{' '.join(command)}: no message, only {text!r}")
    return now_ms()


def first_message(program, relayed):
    """In ms, from exec or, relayed, from the connection."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        listener = Piped(program.receive(port), output_only=True)
        stack.callback(listener.close)
        wait_listening(port, listener.pid)
        relay = Relay(port, stack) if relayed else None
        caller = Piped(program.call(relay.port if relay else port), LINE, output_only=True)
        stack.callback(caller.close)
        arrived = wait_message(listener.output, relay, listener.command)
        return arrived - (relay.accepted if relay else caller.began)


def measure_first(programs, count, in_turn):
    """{exec or connect: {program: samples}}"""
    figures = {name: {program.name: [] for program in programs} for name in ("exec", "connect")}
    for number in range(-1, count):  # the first ones only warm up
        for program in in_turn(programs, number):
            for name, samples in figures.items():
                taken = first_message(program, name == "connect")
                if number >= 0:
                    samples[program.name].append(taken)
    return figures
