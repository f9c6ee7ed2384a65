"""A review desk in Python, with nats-py and nothing of Athanor: python review_desk.py nats://HOST:PORT KEY CAMPAIGN"""

import asyncio
import base64
import datetime
import hashlib
import json
import signal
import sys
import uuid

import nats
import nats.errors
import nats.js.errors
import nkeys
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

NAME = "review_desk"
HEARS = {"trust.review_requested": ("trust_auditor", 1)}  # kind, who may say it, and its newest version known here
SAYS = ("review.decided",)

URL, KEY, CAMPAIGN = sys.argv[1:4]
LAB = uuid.uuid5(uuid.UUID("6f1cbd0c-4f0f-5d7e-9a0b-2c7d0c1a7e11"), CAMPAIGN)
STREAM, DURABLE = "LEDGER", f"{CAMPAIGN}-{NAME}"
SEED = open(KEY, "rb").read().strip()


def answers(cause):
    """What there is to say because of an event: kind, version and data, in order, and the same whenever it is asked."""
    question = cause["data"]
    yield (
        "review.decided",
        1,
        {
            "review_id": question["review_id"],
            "candidate_id": question["candidate_id"],
            "approved": True,
            "reviewer": "Jane Doe",
            "simulated": False,
            "reason": "nothing speaks against it",
        },
    )


def event_id(cause, n):
    """The n-th answer to a cause has this id, however often it is given."""
    return uuid.uuid5(uuid.UUID(cause["id"]), f"{NAME}/0/{n}")


def sealed(identity, kind, version, data, cause=None):
    """The bytes of an event: the envelope, with the signature on it as its last member."""
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    made_of = data.get("sample_id") or data.get("candidate_id")
    if made_of:  # everything about one candidate is one chain, and one trace
        head, _, vial = made_of.rpartition("-v")
        chain = uuid.uuid5(LAB, f"chain/{head if head and vial.isdigit() else made_of}")
    else:
        chain = uuid.UUID(cause["correlationid"]) if cause else identity
    about = next((data[name] for name in ("sample_id", "candidate_id", "run_id", "agent") if data.get(name)), None)
    envelope = {
        "specversion": "1.0",
        "id": str(identity),
        "source": f"/agents/{NAME}",
        "type": kind,
        "dataschema": f"urn:athanor:event:{kind}:{version}",
        "datacontenttype": "application/json",
        "time": cause["time"] if cause else now,  # an answer that takes no time has its cause's
        **({"subject": about} if about else {}),
        "campaign": CAMPAIGN,
        **({"causationid": cause["id"]} if cause else {}),
        "correlationid": str(chain),
        "traceparent": f"00-{chain.hex}-{identity.hex[:16]}-01",
        "data": data,
    }
    body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
    signature = nkeys.from_seed(bytearray(SEED)).sign(f"athanor event 1\nlab.{CAMPAIGN}.{kind}\n".encode() + body)
    return body[:-1] + b',"signature":"' + base64.urlsafe_b64encode(signature).rstrip(b"=") + b'"}'


class Desk:
    """Listens, answers, and acknowledges when its answers are on disk."""

    def __init__(self, client):
        self.client, self.stream = client, client.jetstream(timeout=5)
        self.pull = None  # what is listened to, once there is a consumer
        self.said = set()  # ids of what stands in the log already: it is never said twice

    async def say(self, identity, kind, payload):
        """Stores an event; asks again under the same id until the server says that it is on disk."""
        while str(identity) not in self.said:
            headers = {"Nats-Msg-Id": str(identity), "Content-Type": "application/cloudevents+json"}
            try:
                await self.stream.publish(f"lab.{CAMPAIGN}.{kind}", payload, headers=headers)
                self.said.add(str(identity))
            except (nats.errors.Error, nats.js.errors.ServiceUnavailableError, nats.js.errors.NoStreamResponseError):
                await asyncio.sleep(1)  # the server is away

    async def past(self, kind):
        """Events of a kind in the log."""
        sequence = 1
        while True:
            try:
                ask = {"seq": sequence, "next_by_subj": f"lab.{CAMPAIGN}.{kind}"}
                found = await self.client.request(f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(ask).encode(), timeout=5)
            except nats.errors.Error:
                await asyncio.sleep(1)
                continue
            if "Nats-Sequence" not in (found.headers or {}):
                return  # 404: no more of them
            sequence = int(found.headers["Nats-Sequence"]) + 1
            try:
                yield json.loads(found.data)
            except ValueError:
                pass  # what is no event concerns nobody

    async def take_seat(self):
        """Says that it is there, under the number of its start; whoever has said that number first has the seat."""
        mine = [e async for e in self.past("presence.agent_started") if e["source"] == f"/agents/{NAME}"]
        for kind in SAYS:
            self.said |= {e["id"] async for e in self.past(kind)}
        start = max((e["data"]["start"] for e in mine), default=0) + 1
        digest = hashlib.sha256("".join(sorted(self.said)).encode()).hexdigest()
        await self.presence(
            "started", start, {"code_version": "jane-1", "folded": len(self.said), "memory_sha256": digest}
        )
        return start

    async def presence(self, what, start, data):
        """Says that it comes or goes; nothing in the log causes that, so the id is named after the start."""
        identity, kind = uuid.uuid5(LAB, f"{NAME}/{what}/{start}"), f"presence.agent_{what}"
        await self.say(identity, kind, sealed(identity, kind, 1, {"agent": NAME, "start": start, **data}))

    async def listening(self):
        """A consumer that begins after what was acknowledged: what was left unacknowledged comes at once."""
        after = 0
        try:
            after = (await self.stream.consumer_info(STREAM, DURABLE)).ack_floor.stream_seq
            await self.stream.delete_consumer(STREAM, DURABLE)
        except nats.js.errors.NotFoundError:
            pass
        config = ConsumerConfig(
            name=DURABLE,
            durable_name=DURABLE,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=60,
            max_ack_pending=1,
            filter_subjects=[f"lab.{CAMPAIGN}.{kind}" for kind in HEARS],
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE if after else DeliverPolicy.ALL,
            opt_start_seq=after + 1 if after else None,
        )
        await self.stream.add_consumer(STREAM, config)
        return await self.stream.pull_subscribe_bind(DURABLE, stream=STREAM)

    async def deliveries(self):
        """What is heard and not yet acknowledged, one by one, in the order of the log."""
        while True:
            try:
                self.pull = self.pull or await self.listening()
                for message in await self.pull.fetch(1, timeout=5):
                    yield message
            except nats.errors.TimeoutError:
                pass  # nothing new
            except nats.errors.Error:  # the server is away, or has forgotten the consumer
                self.pull = None
                await asyncio.sleep(1)

    async def reconnected(self):
        """A server that was killed may have forgotten an acknowledgement, and would wait for it: listen anew."""
        self.pull = None

    async def work(self):
        """Answers for ever."""
        async for message in self.deliveries():
            try:
                cause = json.loads(message.data)
                self.check(message.subject.removeprefix(f"lab.{CAMPAIGN}."), cause)
                said = [
                    (event_id(cause, n), kind, sealed(event_id(cause, n), kind, version, data, cause))
                    for n, (kind, version, data) in enumerate(answers(cause))
                ]
            except Exception as error:  # it comes again and again otherwise, and holds up everything behind it
                await self.set_aside(message, error)
                said = []
            for identity, kind, payload in said:
                await self.say(identity, kind, payload)
            await self.acknowledged(message)

    @staticmethod
    def check(kind, cause):
        """What is delivered under a subject is believed of its speaker and in words that are known only."""
        speaker, newest = HEARS[kind]
        said = cause["type"], cause["source"], cause["campaign"]
        if said != (kind, f"/agents/{speaker}", CAMPAIGN):
            raise ValueError(f"expected {kind} of {CAMPAIGN} from {speaker}, got {said}")
        if int(cause["dataschema"].rpartition(":")[2]) > newest:
            raise ValueError(f"expected {kind} up to version {newest}, got {cause['dataschema']}")

    async def set_aside(self, message, reason):
        """Keeps what cannot be worked on as a dead letter, byte for byte."""
        name = f"dead/{DURABLE}/{message.metadata.sequence.stream}"
        headers = {"Nats-Msg-Id": name, "Athanor-Reason": " ".join(str(reason).split())[:500]}
        while name not in self.said:
            try:
                await self.stream.publish(f"lab.{CAMPAIGN}.dead.{DURABLE}", message.data, headers=headers)
                self.said.add(name)
            except nats.errors.Error:
                await asyncio.sleep(1)

    async def acknowledged(self, message):
        """Done with it; if the server went away meanwhile, it comes again, and nothing is said twice."""
        try:
            await message.ack_sync(timeout=5)
        except nats.errors.Error:
            pass


async def main():
    async def told(error):
        print(error, file=sys.stderr)

    client = nats.NATS()
    desk = Desk(client)
    await client.connect(
        URL,
        nkeys_seed=KEY,
        inbox_prefix=f"_INBOX_{NAME}",
        max_reconnect_attempts=-1,
        error_cb=told,
        reconnected_cb=desk.reconnected,
    )
    start = await desk.take_seat()
    print(f"{NAME} listens, start {start}", flush=True)
    working = asyncio.create_task(desk.work())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()
    await desk.presence("stopped", start, {"reason": "told to stop"})
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
