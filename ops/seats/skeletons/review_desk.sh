#!/usr/bin/env bash
# A review desk in bash, with openssl and jq: bash review_desk.sh nats://HOST:PORT KEY CAMPAIGN
set -uo pipefail
export LC_ALL=C # lengths are bytes

NAME=review_desk
declare -A HEARS=([trust.review_requested]="trust_auditor 1") # kind, who may say it, and its newest version
SAYS=(review.decided)

ARGUMENTS=("$@") URL=${1#nats://} KEY=$2 CAMPAIGN=$3
STREAM=LEDGER DURABLE=$CAMPAIGN-$NAME INBOX=_INBOX_$NAME.$$.$RANDOM$RANDOM
SCRATCH=$(mktemp -d)
declare -A SAID=() # ids of what stands in the log already: it is never said twice
trap 'rm -rf "$SCRATCH"' EXIT
STOP=
trap 'STOP=1' INT TERM

# What there is to say because of an event: kind, version and data on a line each, and the same whenever it is asked.
answers() { # CAUSE
  echo review.decided
  echo 1
  jq -c '{review_id: .data.review_id, candidate_id: .data.candidate_id, approved: true, reviewer: "Jane Doe",
    simulated: false, reason: "nothing speaks against it"}' <<<"$1"
}

# The server went away, or said something unheard of: begin again, under the number of the next start.
again() {
  echo "$1" >&2
  exec 3>&- 3<&-
  rm -rf "$SCRATCH"
  [[ $STOP ]] && exit 0
  sleep 1
  exec bash "$0" "${ARGUMENTS[@]}"
}

raw() { printf "$(sed 's/../\\x&/g' <<<"$1")"; } # HEX: its bytes
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

uuid5() { # NAMESPACE NAME
  local hex variant
  hex=$({ raw "${1//-/}"; printf %s "$2"; } | sha1sum | cut -c1-32)
  variant=$(printf %x $((0x${hex:16:1} & 3 | 8)))
  echo "${hex:0:8}-${hex:8:4}-5${hex:13:3}-$variant${hex:17:3}-${hex:20:12}"
}

# The key: base32 of two bytes of role, 32 of seed and two of checksum, as openssl wants it.
seed=$(tr -d ' \n' <"$KEY")
seed=$(printf '%s======' "$seed" | head -c 64 | base32 -d 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
raw "302e020100300506032b657004220420${seed:4:64}" | (umask 077 && openssl pkey -inform DER -out "$SCRATCH/key")

signature() { # of what comes in
  cat >"$SCRATCH/message"
  openssl pkeyutl -sign -rawin -inkey "$SCRATCH/key" -in "$SCRATCH/message" | base64url
}

public() { # the public half, in the notation of NATS: base32 of the role, the key and its CRC-16
  local hex crc=0 i bit
  hex=a0$(openssl pkey -in "$SCRATCH/key" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
  for ((i = 0; i < ${#hex}; i += 2)); do
    ((crc ^= 0x${hex:i:2} << 8))
    for bit in 1 2 3 4 5 6 7 8; do ((crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1)); done
  done
  raw "$hex$(printf '%02x%02x' $((crc & 255)) $((crc >> 8)))" | base32 -w0 | tr -d '='
}

join() { # the connection
  local line
  exec 3<>"/dev/tcp/${URL%:*}/${URL##*:}" || again "no server at $URL"
  IFS= read -r -t 10 line <&3 || again "no word from $URL"
  local nonce
  nonce=$(jq -r '.nonce' <<<"${line#INFO }")
  printf 'CONNECT %s\r\nSUB %s.* 1\r\nPING\r\n' "$(jq -nc --arg nkey "$(public)" --arg name "$NAME" \
    --arg sig "$(printf %s "$nonce" | signature)" '{verbose: false, pedantic: false, headers: true, no_responders: true,
    lang: "bash", version: "1", protocol: 1, name: $name, nkey: $nkey, sig: $sig}')" "$INBOX" >&3
  while IFS= read -r -t 10 line <&3; do
    case $line in PONG*) return ;; -ERR*) again "$line" ;; esac
  done
  again "not let in by $URL"
}

request() { # SUBJECT PAYLOAD [HEADERS]: sets BODY, HEADERS, SUBJECT and REPLY to what comes back
  local head="" line words size
  [[ ${3-} ]] && head=$'NATS/1.0\r\n'$3$'\r\n'
  if [[ $head ]]; then
    printf 'HPUB %s %s.1 %d %d\r\n%s%s\r\n' "$1" "$INBOX" ${#head} $((${#head} + ${#2})) "$head" "$2" >&3
  else
    printf 'PUB %s %s.1 %d\r\n%s\r\n' "$1" "$INBOX" ${#2} "$2" >&3
  fi || again "the connection broke"
  while IFS= read -r -t 15 line <&3; do
    read -r -a words <<<"${line%$'\r'}"
    case ${words[0]-} in
      PING) printf 'PONG\r\n' >&3 ;;
      -ERR) again "$line" ;;
      MSG | HMSG)
        SUBJECT=${words[1]} REPLY="" HEADERS="" size=${words[-1]}
        if [[ ${words[0]} == MSG ]]; then
          ((${#words[@]} > 4)) && REPLY=${words[3]}
        else
          ((${#words[@]} > 5)) && REPLY=${words[3]}
          IFS= read -r -t 15 -N "${words[-2]}" HEADERS <&3 || again "the connection broke"
          size=$((size - words[-2]))
        fi
        BODY=""
        if ((size)); then IFS= read -r -t 15 -N "$size" BODY <&3 || again "the connection broke"; fi
        read -r -t 15 line <&3
        return
        ;;
    esac
  done
  again "no answer to $1"
}

store() { # ID SUBJECT PAYLOAD [HEADERS]: asks again under the same id until the server says that it is on disk
  while [[ ! ${SAID[$1]-} ]]; do
    request "$2" "$3" "Nats-Msg-Id: $1"$'\r\n'"${4-}"
    if jq -e '.seq > 0 and (has("error") | not)' <<<"$BODY" >/dev/null 2>&1; then SAID[$1]=1; else echo "$2: $HEADERS$BODY" >&2 && sleep 1; fi
  done
}

event_id() { uuid5 "$(jq -r .id <<<"$1")" "$NAME/0/$2"; } # CAUSE N: the same however often it is asked

sealed() { # ID KIND VERSION DATA [CAUSE]: the envelope, with the signature on it as its last member
  local made_of chain body trace
  made_of=$(jq -r '.sample_id // .candidate_id // ""' <<<"$4")
  if [[ $made_of ]]; then # everything about one candidate is one chain, and one trace
    chain=$(uuid5 "$LAB" "chain/$(sed -E 's/(.)-v[0-9]+$/\1/' <<<"$made_of")")
  else
    chain=$(jq -r --arg id "$1" '.correlationid // $id' <<<"${5-"{}"}")
  fi
  trace=${1//-/}
  body=$(jq -nc --arg id "$1" --arg kind "$2" --arg version "$3" --argjson data "$4" --argjson cause "${5-null}" \
    --arg name "$NAME" --arg campaign "$CAMPAIGN" --arg chain "$chain" --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    --arg trace "00-${chain//-/}-${trace:0:16}-01" '{specversion: "1.0", id: $id, source: "/agents/\($name)", type: $kind,
    dataschema: "urn:athanor:event:\($kind):\($version)", datacontenttype: "application/json",
    time: ($cause.time // $now), subject: ($data.sample_id // $data.candidate_id // $data.run_id // $data.agent),
    campaign: $campaign, causationid: $cause.id, correlationid: $chain, traceparent: $trace, data: $data}
    | del(.subject, .causationid | select(. == null))')
  printf '%s,"signature":"%s"}' "${body%\}}" \
    "$(printf 'athanor event 1\nlab.%s.%s\n%s' "$CAMPAIGN" "$2" "$body" | signature)"
}

say() { store "$1" "lab.$CAMPAIGN.$2" "$3" $'Content-Type: application/cloudevents+json\r\n'; } # ID KIND PAYLOAD

presence() { # started|stopped DATA: nothing in the log causes that, so the id is named after the start
  local id
  id=$(uuid5 "$LAB" "$NAME/$1/$START")
  say "$id" "presence.agent_$1" "$(sealed "$id" "presence.agent_$1" 1 "$(jq -c --arg name "$NAME" \
    --argjson start "$START" '{agent: $name, start: $start} + .' <<<"$2")")"
}

past() { # KIND CALLBACK: each event of a kind in the log
  local sequence=1
  while true; do
    request "\$JS.API.DIRECT.GET.$STREAM" "{\"seq\":$sequence,\"next_by_subj\":\"lab.$CAMPAIGN.$1\"}"
    [[ $HEADERS =~ .*Nats-Sequence:\ ([0-9]+) ]] || return 0 # 404: no more of them
    sequence=$((BASH_REMATCH[1] + 1))
    "$2"
  done
}

starts() { # of this agent
  local n
  n=$(jq --arg me "/agents/$NAME" 'select(.source == $me) | .data.start' <<<"$BODY" 2>/dev/null)
  [[ $n ]] && ((n >= START)) && START=$((n + 1))
}
said() { SAID[$(jq -r .id <<<"$BODY" 2>/dev/null || echo none)]=1; }

listen() { # a consumer that begins after what was acknowledged: what was left unacknowledged comes at once
  local after filters=()
  for kind in "${!HEARS[@]}"; do filters+=("lab.$CAMPAIGN.$kind"); done
  request "\$JS.API.CONSUMER.INFO.$STREAM.$DURABLE" "{}"
  after=$(jq '.ack_floor.stream_seq // 0' <<<"$BODY")
  request "\$JS.API.CONSUMER.DELETE.$STREAM.$DURABLE" "{}"
  request "\$JS.API.CONSUMER.CREATE.$STREAM.$DURABLE" "$(jq -nc --arg name "$DURABLE" --argjson after "$after" \
    '{stream_name: "LEDGER", config: ({name: $name, durable_name: $name, ack_policy: "explicit", max_ack_pending: 1,
    ack_wait: 60000000000, replay_policy: "instant", filter_subjects: $ARGS.positional} + (if $after > 0
    then {deliver_policy: "by_start_sequence", opt_start_seq: ($after + 1)} else {deliver_policy: "all"} end))}' \
    --args "${filters[@]}")"
  jq -e '.name' <<<"$BODY" >/dev/null || again "no consumer: $BODY"
}

work() { # what has just come, in BODY, SUBJECT and REPLY
  local cause=$BODY kind=${SUBJECT#lab."$CAMPAIGN".} reply=$REPLY place n=0 what version data id told speaker newest
  read -r speaker newest <<<"${HEARS[$kind]-}"
  if jq -e --arg kind "$kind" --arg speaker "$speaker" --arg campaign "$CAMPAIGN" --argjson newest "${newest:-0}" \
    '.type == $kind and .source == "/agents/\($speaker)" and .campaign == $campaign
    and (.dataschema | split(":")[-1] | tonumber) <= $newest' <<<"$cause" >/dev/null 2>&1 && told=$(answers "$cause"); then
    while read -r what && read -r version && read -r data; do
      id=$(event_id "$cause" $((n++)))
      say "$id" "$what" "$(sealed "$id" "$what" "$version" "$data" "$cause")"
    done <<<"$told"
  else # it comes again and again otherwise, and holds up everything behind it
    IFS=. read -r -a place <<<"$reply"
    store "dead/$DURABLE/${place[5]}" "lab.$CAMPAIGN.dead.$DURABLE" "$cause" \
      $'Athanor-Reason: not an event that can be answered\r\n'
  fi
  request "$reply" "+ACK"
}

LAB=$(uuid5 6f1cbd0c-4f0f-5d7e-9a0b-2c7d0c1a7e11 "$CAMPAIGN")
join
START=1
past presence.agent_started starts
for kind in "${SAYS[@]}"; do past "$kind" said; done
presence started "$(jq -nc --arg digest "$(printf '%s\n' "${!SAID[@]}" | sort | sha256sum | cut -c1-64)" \
  --argjson folded "${#SAID[@]}" '{code_version: "jane-1", folded: $folded, memory_sha256: $digest}')"
listen
echo "$NAME listens, start $START"
while [[ ! $STOP ]]; do
  request "\$JS.API.CONSUMER.MSG.NEXT.$STREAM.$DURABLE" '{"batch":1,"expires":1000000000}'
  if [[ $REPLY == \$JS.ACK.* ]]; then work; elif [[ $HEADERS == "NATS/1.0 503"* ]]; then again "no server keeps the log"; fi
done
presence stopped '{"reason": "told to stop"}'
