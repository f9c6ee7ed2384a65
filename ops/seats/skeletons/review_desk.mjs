// A review desk in JavaScript, with nats.js: node review_desk.mjs nats://HOST:PORT KEY CAMPAIGN
// npm install @nats-io/transport-node @nats-io/jetstream @nats-io/nkeys
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { fromSeed } from "@nats-io/nkeys";
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";

const NAME = "review_desk";
const HEARS = { "trust.review_requested": ["trust_auditor", 1] }; // kind, who may say it, and its newest version
const SAYS = ["review.decided"];

const [URL, KEY, CAMPAIGN] = process.argv.slice(2);
const STREAM = "LEDGER";
const DURABLE = `${CAMPAIGN}-${NAME}`;
const SEED = Buffer.from(readFileSync(KEY, "utf8").trim());

/** What there is to say because of an event: kind, version and data, in order, and the same whenever it is asked. */
function* answers(cause) {
  const question = cause.data;
  yield ["review.decided", 1, {
    review_id: question.review_id,
    candidate_id: question.candidate_id,
    approved: true,
    reviewer: "Jane Doe",
    simulated: false,
    reason: "nothing speaks against it",
  }];
}

function uuid5(namespace, name) {
  const bytes = createHash("sha1").update(Buffer.from(namespace.replaceAll("-", ""), "hex")).update(name).digest();
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const LAB = uuid5("6f1cbd0c-4f0f-5d7e-9a0b-2c7d0c1a7e11", CAMPAIGN);

/** The n-th answer to a cause has this id, however often it is given. */
const eventId = (cause, n) => uuid5(cause.id, `${NAME}/0/${n}`);

/** The bytes of an event: the envelope, with the signature on it as its last member. */
function sealed(id, kind, version, data, cause) {
  const madeOf = data.sample_id ?? data.candidate_id; // everything about one candidate is one chain, and one trace
  const chain = madeOf ? uuid5(LAB, `chain/${madeOf.replace(/-v\d+$/, "")}`) : cause?.correlationid ?? id;
  const about = data.sample_id ?? data.candidate_id ?? data.run_id ?? data.agent;
  const body = JSON.stringify({
    specversion: "1.0",
    id,
    source: `/agents/${NAME}`,
    type: kind,
    dataschema: `urn:athanor:event:${kind}:${version}`,
    datacontenttype: "application/json",
    time: cause?.time ?? new Date().toISOString(), // an answer that takes no time has its cause's
    subject: about,
    campaign: CAMPAIGN,
    causationid: cause?.id,
    correlationid: chain,
    traceparent: `00-${chain.replaceAll("-", "")}-${id.replaceAll("-", "").slice(0, 16)}-01`,
    data,
  });
  const signature = fromSeed(SEED).sign(Buffer.from(["athanor event 1", `lab.${CAMPAIGN}.${kind}`, body].join("\n")));
  return `${body.slice(0, -1)},"signature":"${Buffer.from(signature).toString("base64url")}"}`;
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 1000));
const nc = await connect({
  servers: URL,
  authenticator: nkeyAuthenticator(SEED),
  inboxPrefix: `_INBOX_${NAME}`,
  maxReconnectAttempts: -1,
});
const js = jetstream(nc);
const said = new Set(); // ids of what stands in the log already: it is never said twice

/** Stores bytes; asks again under the same id until the server says that they are on disk. */
async function store(id, subject, payload, more = {}) {
  const told = headers();
  for (const [name, value] of Object.entries(more)) told.set(name, value);
  while (!said.has(id)) {
    try {
      await js.publish(subject, payload, { msgID: id, headers: told, timeout: 5000 });
      said.add(id);
    } catch (error) {
      console.error(String(error));
      await pause();
    }
  }
}

const say = (id, kind, payload) =>
  store(id, `lab.${CAMPAIGN}.${kind}`, payload, { "Content-Type": "application/cloudevents+json" });

/** Says that it comes or goes; nothing in the log causes that, so the id is named after the start. */
function presence(what, start, data) {
  const [id, kind] = [uuid5(LAB, `${NAME}/${what}/${start}`), `presence.agent_${what}`];
  return say(id, kind, sealed(id, kind, 1, { agent: NAME, start, ...data }));
}

/** Events of a kind in the log. */
async function* past(kind) {
  for (let sequence = 1; ; ) {
    const ask = JSON.stringify({ seq: sequence, next_by_subj: `lab.${CAMPAIGN}.${kind}` });
    let found;
    try {
      found = await nc.request(`$JS.API.DIRECT.GET.${STREAM}`, ask, { timeout: 5000 });
    } catch {
      await pause();
      continue;
    }
    const place = found.headers?.last("Nats-Sequence");
    if (!place) return; // 404: no more of them
    sequence = Number(place) + 1;
    try {
      yield found.json();
    } catch {
      // what is no event concerns nobody
    }
  }
}

/** Says that it is there, under the number of its start; whoever has said that number first has the seat. */
async function takeSeat() {
  let start = 1;
  for await (const event of past("presence.agent_started")) {
    if (event.source === `/agents/${NAME}`) start = Math.max(start, event.data.start + 1);
  }
  for (const kind of SAYS) for await (const event of past(kind)) said.add(event.id);
  const digest = createHash("sha256").update([...said].sort().join("")).digest("hex");
  await presence("started", start, { code_version: "jane-1", folded: said.size, memory_sha256: digest });
  return start;
}

/** A consumer that begins after what was acknowledged, so that what was left unacknowledged comes at once. */
async function listening() {
  const jsm = await jetstreamManager(nc);
  let after = 0;
  try {
    after = (await jsm.consumers.info(STREAM, DURABLE)).ack_floor.stream_seq;
    await jsm.consumers.delete(STREAM, DURABLE);
  } catch (error) {
    if (error.code !== 10014) throw error; // 10014: there is none yet
  }
  await jsm.consumers.add(STREAM, {
    durable_name: DURABLE,
    ack_policy: AckPolicy.Explicit,
    ack_wait: 60e9,
    max_ack_pending: 1,
    filter_subjects: Object.keys(HEARS).map((kind) => `lab.${CAMPAIGN}.${kind}`),
    deliver_policy: after ? DeliverPolicy.StartSequence : DeliverPolicy.All,
    ...(after ? { opt_start_seq: after + 1 } : {}),
  });
  return (await js.consumers.get(STREAM, DURABLE)).consume({ max_messages: 1, expires: 5000 });
}

async function work(message) {
  const kind = message.subject.slice(`lab.${CAMPAIGN}.`.length);
  let events = [];
  try {
    const cause = message.json();
    const [speaker, newest] = HEARS[kind];
    const version = Number(cause.dataschema.split(":").pop());
    if (cause.type !== kind || cause.source !== `/agents/${speaker}` || cause.campaign !== CAMPAIGN || version > newest) {
      throw new Error(`expected ${kind} from ${speaker}, up to version ${newest}, got ${cause.type}:${version}`);
    }
    events = [...answers(cause)].map(([what, version, data], n) => {
      const id = eventId(cause, n);
      return [id, what, sealed(id, what, version, data, cause)];
    });
  } catch (error) { // it comes again and again otherwise, and holds up everything behind it
    const reason = String(error).replace(/[^\x20-\x7e]+/g, " ").slice(0, 500);
    const id = `dead/${DURABLE}/${message.seq}`;
    await store(id, `lab.${CAMPAIGN}.dead.${DURABLE}`, message.data, { "Athanor-Reason": reason });
  }
  for (const [id, what, payload] of events) await say(id, what, payload);
  await message.ackAck({ timeout: 5000 }).catch(() => {}); // if the server went away meanwhile, it comes again
}

const start = await takeSeat();
console.log(`${NAME} listens, start ${start}`);
let messages;
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    stopped = true;
    messages?.stop();
  });
}
(async () => { // a server that was killed may have forgotten an acknowledgement, and would wait for it: listen anew
  for await (const status of nc.status()) if (status.type === "reconnect") messages?.stop();
})();
while (!stopped) {
  try {
    messages = await listening();
    for await (const message of messages) {
      if (stopped) break;
      await work(message);
    }
  } catch (error) { // the server is away, or has forgotten the consumer
    console.error(String(error));
    await pause();
  }
}
await presence("stopped", start, { reason: "told to stop" });
await nc.drain();
