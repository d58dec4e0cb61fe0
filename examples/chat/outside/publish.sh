#!/usr/bin/env bash
# Says something in a room of the chat, from outside the app. Needs redis-cli.
#
#   ./publish.sh lobby 'The build is green'
#
# REDIS_URL and REDIS_PREFIX as for the app. REDIS_CLUSTER=1 for a Redis Cluster. REDIS_CLI names another redis-cli.
set -euo pipefail

room=${1:?Which room?}
text=${2:?What is there to say?}
prefix=${REDIS_PREFIX:-propagator}
url=${REDIS_URL:-redis://localhost:6379}
cli=${REDIS_CLI:-redis-cli}

# As JSON: backslashes and quotes have one in front; there are no control characters in what one line says.
json() { printf '%s' "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

id="outside-$(date +%s)-$$"
at="$(date +%s)000"
user='{"id":"outside","name":"A shell script"}'
message="{\"id\":\"$id\",\"clientId\":\"$id\",\"room\":\"$(json "$room")\",\"user\":$user,\"text\":\"$(json "$text")\",\"at\":$at}"

# On a Cluster the library listens to sharded channels.
command=(PUBLISH)
if [ -n "${REDIS_CLUSTER:-}" ]; then command=(-c SPUBLISH); fi

instances=$("$cli" -u "$url" "${command[@]}" "$prefix:/chat:room:$room" "{\"event\":\"message\",\"data\":$message}")
echo "$instances instances have somebody in $room"
