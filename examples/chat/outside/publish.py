#!/usr/bin/env python3
"""Says something in a room of the chat, from outside the app. Needs nothing but Python.

    python3 publish.py lobby 'The build is green'

REDIS_URL and REDIS_PREFIX as for the app; for a Redis Cluster take publish.sh, which finds the right node. With the package `redis` it is one call: redis.from_url(url).publish(...).
"""

import json
import os
import socket
import sys
import time
from urllib.parse import unquote, urlparse

room, text = sys.argv[1:3]
url = urlparse(os.environ.get("REDIS_URL", "redis://localhost:6379"))
channel = f"{os.environ.get('REDIS_PREFIX', 'propagator')}:/chat:room:{room}"
at = int(time.time() * 1000)
message = {
    "id": f"outside-{at}-{os.getpid()}",
    "clientId": f"outside-{at}",
    "room": room,
    "user": {"id": "outside", "name": "A Python script"},
    "text": text,
    "at": at,
}


def command(*words):
    """One command to Redis: how many words, then each with its length."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)


with socket.create_connection((url.hostname, url.port or 6379), timeout=5) as redis:
    answers = redis.makefile("rb")
    if url.password:
        redis.sendall(command("AUTH", unquote(url.username or "default"), unquote(url.password)))
        answers.readline()
    redis.sendall(command("PUBLISH", channel, json.dumps({"event": "message", "data": message})))
    answer = answers.readline().decode().strip()

if not answer.startswith(":"):
    sys.exit(f"Redis says: {answer}")
print(f"{answer[1:]} instances have somebody in {room}")
