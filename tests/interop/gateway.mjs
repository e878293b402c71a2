// A mediasoup worker behind JSON lines: one request a line in, one answer a line out.
//
// It holds no SDP and no policy: the test writes SDP from what mediasoup reports, as
// bbb-webrtc-sfu does. Requests: {"do": name, ...}; answers: {"ok": {...}} or
// {"error": text}. It ends with its standard input.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const address = process.argv[3] ?? '127.0.0.1';
const require = createRequire(resolve(process.argv[2]) + '/');
const mediasoup = require('mediasoup');

const FEEDBACK = [
  { type: 'goog-remb' }, { type: 'transport-cc' }, { type: 'ccm', parameter: 'fir' },
  { type: 'nack' }, { type: 'nack', parameter: 'pli' },
];
const CODECS = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2,
    preferredPayloadType: 111, parameters: { useinbandfec: 1 } },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000,
    preferredPayloadType: 96, rtcpFeedback: FEEDBACK },
];

let worker;
let router;
let died = false;
const transports = new Map();
const producers = new Map();
const consumers = new Map();

const requests = {
  async start() {
    if (worker && !died) worker.close();
    for (const held of [transports, producers, consumers]) held.clear();
    died = false;
    worker = await mediasoup.createWorker({ logLevel: 'error', rtcMinPort: 24577, rtcMaxPort: 32768 });
    worker.on('died', () => { died = true; });
    router = await worker.createRouter({ mediaCodecs: CODECS });
    return { pid: worker.pid, version: mediasoup.version };
  },
  async state() {
    return { pid: worker.pid, died };
  },
  async transport({ bitrate }) {
    const transport = await router.createWebRtcTransport({
      listenInfos: [{ protocol: 'udp', ip: address }],
      enableUdp: true, enableTcp: false,
      initialAvailableOutgoingBitrate: bitrate ?? 600000,
    });
    transports.set(transport.id, transport);
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    return { id, iceParameters, iceCandidates, dtlsParameters };
  },
  async connect({ transport, dtlsParameters }) {
    await transports.get(transport).connect({ dtlsParameters });
    return {};
  },
  async produce({ transport, kind, rtpParameters }) {
    const producer = await transports.get(transport).produce({ kind, rtpParameters });
    producers.set(producer.id, producer);
    return { id: producer.id };
  },
  async consume({ transport, producer }) {
    // BBB negotiates no RTX: retransmissions come on the stream itself.
    const codecs = router.rtpCapabilities.codecs.filter((codec) => !codec.mimeType.endsWith('/rtx'));
    const consumer = await transports.get(transport).consume({
      producerId: producer, paused: true,
      rtpCapabilities: { ...router.rtpCapabilities, codecs },
    });
    consumers.set(consumer.id, consumer);
    return { id: consumer.id, kind: consumer.kind, rtpParameters: consumer.rtpParameters };
  },
  async resume({ consumer }) {
    await consumers.get(consumer).resume();
    return {};
  },
  async stats({ transport, producer, consumer }) {
    const subject = transports.get(transport) ?? producers.get(producer) ?? consumers.get(consumer);
    const own = transports.get(transport);
    return {
      stats: await subject.getStats(),
      ...(own ? { iceState: own.iceState, dtlsState: own.dtlsState } : {}),
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { do: name, ...rest } = JSON.parse(line);
    answer = { ok: await requests[name](rest) };
  } catch (problem) {
    answer = { error: String(problem?.message ?? problem) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
if (worker && !died) worker.close();
process.exit(0);
