#!/usr/bin/env python3
"""Sends Socket.IO events to the clients of an app with nestjs-redis-propagator. Needs nothing but Python 3.8.

    python3 propagator.py user 42 order-update '{"id": 7}'
    python3 propagator.py room lobby message '"Hello"' --namespace /chat
    python3 propagator.py all tick
    python3 propagator.py --check ../../docs/protocol-vectors.json

REDIS_URL, REDIS_PREFIX and PROPAGATOR_SECRET as for the app. The format is in docs/protocol.md.
"""

import argparse
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
from urllib.parse import unquote, urlparse

# Instances read both versions. Version 2 has a lane and a number in front of the lists, which only instances set.
FIXED_LENGTHS = {1: 28, 2: 40}
KIND_EVENT = 0
TAG_LENGTH = 16

VOLATILE = 1
NO_COMPRESS = 2
EXCEPT = 4
ROOMS = 8
SIGNED = 64
LATEST_ONLY = 512

RESERVED = {
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "error",
    "newListener",
    "removeListener",
}


def channel_of(prefix, namespace, target, name=None):
    """The channel of all, of the authenticated, of a user or of a room."""
    namespace = namespace if namespace.startswith("/") else "/" + namespace
    encoded = namespace.replace("%", "%25").replace(":", "%3A")
    base = f"{prefix}:{encoded}:{target}"
    return base if target in ("all", "authenticated") else f"{base}:{name}"


def packet(namespace, event, args):
    """A Socket.IO packet: one text, and an attachment for each `bytes` in the arguments."""
    if event == "" or event in RESERVED:
        raise ValueError(f"{event!r} is no name for an event")
    attachments = []

    def replaced(value):
        if isinstance(value, (bytes, bytearray, memoryview)):
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}
        if isinstance(value, dict):
            return {key: replaced(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [replaced(entry) for entry in value]
        return value

    data = replaced([event, *args])
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    kind = f"5{len(attachments)}-" if attachments else "2"
    inside = "" if namespace in ("", "/") else "/" + namespace.lstrip("/") + ","
    return [kind + inside + text, *attachments]


def frame(part):
    """A WebSocket frame: of the text, with Engine.IO's "message" in front, or of an attachment."""
    payload = b"4" + part.encode() if isinstance(part, str) else part
    size = len(payload)
    if size < 126:
        length = struct.pack(">B", size)
    elif size < 65536:
        length = struct.pack(">BH", 126, size)
    else:
        length = struct.pack(">BQ", 127, size)
    return (b"\x81" if isinstance(part, str) else b"\x82") + length + payload


def strings(values):
    encoded = [value.encode() for value in values]
    return struct.pack(">H", len(encoded)) + b"".join(
        struct.pack(">H", len(value)) + value for value in encoded
    )


def latest_key(event, key):
    """With this key an event replaces the last one of its name and `key` that waits for a slow client."""
    units = len(event.encode("utf-16-le")) // 2
    return f"{units}:{event}{key}"


def envelope(
    parts,
    sender,
    sequence,
    sent_at,
    except_=(),
    rooms=(),
    volatile=False,
    compress=True,
    version=1,
    latest_only=None,
):
    """The bytes between instances, without a signature."""
    flags = (
        (VOLATILE if volatile else 0)
        | (0 if compress else NO_COMPRESS)
        | (EXCEPT if except_ else 0)
        | (ROOMS if rooms else 0)
        | (0 if latest_only is None else LATEST_ONLY)
    )
    lists = (strings(except_) if except_ else b"") + (strings(rooms) if rooms else b"")
    if latest_only is not None:
        encoded = latest_only.encode()
        lists += struct.pack(">H", len(encoded)) + encoded
    fixed = FIXED_LENGTHS[version]
    header = struct.pack(">BBHI", version, KIND_EVENT, flags, fixed + len(lists))
    header += sent_at.to_bytes(6, "big") + sequence.to_bytes(6, "big") + sender
    header += bytes(fixed - len(header))
    return header + lists + b"".join(frame(part) for part in parts)


def signed(message, channel, secret):
    """The same envelope with a signature, which is valid on one channel."""
    flags, start = struct.unpack(">HI", message[2:8])
    header = (
        message[:2] + struct.pack(">HI", flags | SIGNED, start + TAG_LENGTH) + message[8:start]
    )
    name = channel.encode()
    content = str(len(name)).encode() + b":" + name + header + message[start:]
    tag = hmac.new(secret.encode(), content, hashlib.sha256).digest()[:TAG_LENGTH]
    return header + tag + message[start:]


class RedisError(Exception):
    """Redis refused a command."""


class Redis:
    """One connection, for commands with a number, a text or an error as the reply."""

    def __init__(self, url, timeout=5):
        self.url = urlparse(url)
        self.timeout = timeout
        self.connect(self.url.hostname or "localhost", self.url.port or 6379)

    def connect(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=self.timeout)
        if self.url.scheme == "rediss":
            context = ssl.create_default_context()
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.replies = self.socket.makefile("rb")
        if self.url.password:
            self.once("AUTH", unquote(self.url.username or "default"), unquote(self.url.password))

    def command(self, *words):
        """On a Cluster, on the node that has the channel."""
        for _ in range(5):
            try:
                return self.once(*words)
            except RedisError as error:
                moved = re.match(r"MOVED \d+ (.*):(\d+)$", str(error))
                if moved is None:
                    raise
                host = moved[1] or self.url.hostname
                self.close()
                self.connect(host, int(moved[2]))
        raise RedisError("the slot of the channel moves again and again")

    def once(self, *words):
        encoded = [word if isinstance(word, bytes) else word.encode() for word in words]
        self.socket.sendall(
            b"*%d\r\n" % len(encoded)
            + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        )
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RedisError(text)
        return int(text) if kind == b":" else text

    def close(self):
        self.replies.close()
        self.socket.close()


class Publisher:
    """One for a process, which threads may share. `secret` as in the option of the app."""

    def __init__(self, url="redis://localhost:6379", prefix="propagator", secret=None, cluster=False):
        self.redis = Redis(url)
        self.prefix = prefix
        self.secret = secret
        self.publish = "SPUBLISH" if cluster else "PUBLISH"
        self.sender = os.urandom(8)
        self.sequence = 0
        self.lock = threading.Lock()

    def emit(self, target, name, event, *args, namespace="/", latest_only=None, **options):
        """Returns the number of instances with such clients: for a user, 0 means offline."""
        if latest_only is not None:
            options["latest_only"] = latest_key(event, latest_only)
        channel = channel_of(self.prefix, namespace, target, name)
        parts = packet(namespace, event, args)
        with self.lock:
            self.sequence += 1
            message = envelope(
                parts, self.sender, self.sequence, int(time.time() * 1000), **options
            )
            if self.secret:
                message = signed(message, channel, self.secret)
            return self.redis.command(self.publish, channel, message)

    def close(self):
        self.redis.close()


def check(path):
    """Compares this program with the test vectors of the protocol. Returns the number of mistakes."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    mistakes = checked = 0

    def compare(about, actual, expected):
        nonlocal mistakes, checked
        checked += 1
        if actual != expected:
            mistakes += 1
            print(f"{about}\n  expected {expected}\n  got      {actual}", file=sys.stderr)

    for vector in vectors["channels"]:
        name = channel_of(
            vector["prefix"], vector["namespace"], vector["target"], vector.get("name")
        )
        compare(vector["channel"], name, vector["channel"])
    for vector in vectors["events"]:
        args = [from_vector(value) for value in vector["args"]]
        parts = [
            part if isinstance(part, str) else {"hex": part.hex()}
            for part in packet(vector["namespace"], vector["event"], args)
        ]
        compare(vector["about"], parts, vector["parts"])
    for vector in vectors["envelopes"]:
        # An instance may set more than a publisher needs.
        if vector["version"] not in FIXED_LENGTHS or not vector["publishers"]:
            continue
        fields = vector["fields"]
        message = envelope(
            [from_vector(part) for part in vector["parts"]],
            bytes.fromhex(fields["origin"]),
            fields["sequence"],
            fields["sentAt"],
            fields["except"],
            fields["rooms"],
            fields["volatile"],
            fields["compress"],
            vector["version"],
            fields.get("latestOnly"),
        )
        if vector["secret"] is not None:
            message = signed(message, vector["channel"], vector["secret"])
        # That of a long message is given by its hash.
        digest = hashlib.sha256(message).hexdigest()
        is_short = "hex" in vector
        compare(
            vector["about"],
            message.hex() if is_short else digest,
            vector["hex"] if is_short else vector["sha256"],
        )
    print(f"{checked} vectors, {mistakes} mistakes")
    return mistakes


def from_vector(value):
    """In the vectors, bytes are written as {"hex"}, or as {"repeat", "times"}."""
    if isinstance(value, dict):
        if set(value) == {"hex"}:
            return bytes.fromhex(value["hex"])
        if set(value) == {"repeat", "times"}:
            return bytes.fromhex(value["repeat"]) * value["times"]
        return {key: from_vector(entry) for key, entry in value.items()}
    return [from_vector(entry) for entry in value] if isinstance(value, list) else value


def main():
    parser = argparse.ArgumentParser(description="Sends an event to Socket.IO clients.")
    parser.add_argument("--check", metavar="FILE", help="compare with the test vectors")
    parser.add_argument("--namespace", default="/")
    parser.add_argument("--cluster", action="store_true", help="Redis is a Cluster")
    parser.add_argument("target", nargs="?", choices=["all", "authenticated", "user", "room"])
    parser.add_argument("rest", nargs="*", metavar="[name] event [JSON ...]")
    given = parser.parse_intermixed_args()
    if given.check:
        sys.exit(1 if check(given.check) else 0)
    named = given.target in ("user", "room")
    if given.target is None or len(given.rest) < (2 if named else 1):
        parser.error("a target and an event are needed, and the name of a user or a room")
    name = given.rest.pop(0) if named else None
    event, *args = given.rest
    publisher = Publisher(
        os.environ.get("REDIS_URL", "redis://localhost:6379"),
        os.environ.get("REDIS_PREFIX", "propagator"),
        os.environ.get("PROPAGATOR_SECRET"),
        given.cluster,
    )
    instances = publisher.emit(
        given.target, name, event, *map(json.loads, args), namespace=given.namespace
    )
    print(f"{instances} instances have such a client")
    publisher.close()


if __name__ == "__main__":
    main()
