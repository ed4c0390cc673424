/** What nats-server 2.11 answers on `$JS.API.…`, as far as Plumb asks it. */
import type { ConsumerConfig } from './consumer.ts';
import type { Broker } from './server.ts';
import type { Stream, StreamConfig } from './stream.ts';

interface ApiError { code: number; err_code: number; description: string }

const noStream: ApiError = { code: 404, err_code: 10059, description: 'stream not found' };
const noConsumer: ApiError = { code: 404, err_code: 10014, description: 'consumer not found' };
const noMessage: ApiError = { code: 404, err_code: 10037, description: 'no message found' };
const badRequest: ApiError = { code: 400, err_code: 10003, description: 'bad request' };
const nameTaken: ApiError = { code: 400, err_code: 10058, description: 'stream name already in use with a different configuration' };

/** @returns undefined for a subject that no JetStream answers */
export function answer(broker: Broker, subject: string, body: string): object | undefined {
  const [, , kind, verb, ...rest] = subject.split('.') as [string, string, string, string | undefined, ...string[]];
  const named = rest[0] ?? '';
  switch (`${kind}.${verb ?? ''}`) {
    case 'INFO.':
      return {
        type: 'io.nats.jetstream.api.v1.account_info_response', memory: 0, storage: 0, streams: broker.streams.size, consumers: broker.consumers.size,
        limits: { max_memory: -1, max_storage: -1, max_streams: -1, max_consumers: -1 }, api: { total: 0, errors: 0 },
      };
    case 'STREAM.CREATE': return created(broker, asked<StreamConfig>(body));
    case 'STREAM.INFO': return withStream(broker, 'stream_info', named, stream => infoOf(stream));
    case 'STREAM.MSG': return withStream(broker, 'stream_msg_get', rest[1] ?? '', stream => found(stream, asked<{ seq?: number; last_by_subj?: string }>(body)));
    case 'CONSUMER.CREATE': return withStream(broker, 'consumer_create', named, stream => consuming(broker, stream, asked<{ config?: ConsumerConfig }>(body)));
    case 'CONSUMER.INFO': return withConsumer(broker, 'consumer_info', named, rest[1] ?? '', name => broker.consumers.get(name)!.info);
    case 'CONSUMER.DELETE': return withConsumer(broker, 'consumer_delete', named, rest[1] ?? '', name => {
      broker.consumers.get(name)!.end();
      return { success: true };
    });
    default: return undefined;
  }
}

const typeOf = (name: string): string => `io.nats.jetstream.api.v1.${name}_response`;

function failed(name: string, error: ApiError): object {
  return { type: typeOf(name), error };
}

function withStream(broker: Broker, name: string, stream: string, act: (stream: Stream) => object | ApiError): object {
  const known = broker.streams.get(stream);
  if (!known) return failed(name, noStream);
  const done = act(known);
  return 'err_code' in done ? failed(name, done as ApiError) : { type: typeOf(name), ...done };
}

function withConsumer(broker: Broker, name: string, stream: string, consumer: string, act: (key: string) => object): object {
  return withStream(broker, name, stream, () => (broker.consumers.has(`${stream} ${consumer}`) ? act(`${stream} ${consumer}`) : noConsumer));
}

function created(broker: Broker, config: StreamConfig): object {
  const known = broker.streams.get(config.name);
  if (known && JSON.stringify(known.config) !== JSON.stringify(config)) return failed('stream_create', nameTaken);
  return { type: typeOf('stream_create'), ...infoOf(known ?? broker.addStream(config)), did_create: known === undefined };
}

function infoOf(stream: Stream): object {
  return { config: stream.config, created: new Date(stream.created).toISOString(), state: stream.state };
}

function found(stream: Stream, { seq, last_by_subj: subject }: { seq?: number; last_by_subj?: string }): object | ApiError {
  if (seq === undefined && subject === undefined) return badRequest;
  const message = subject === undefined ? stream.get(seq!) : stream.last(subject);
  if (!message) return noMessage;
  const { headers, data, at } = message;
  return {
    message: {
      subject: message.subject, seq: message.seq, time: new Date(at).toISOString(),
      ...(headers.length > 0 && { hdrs: headers.toString('base64') }), ...(data.length > 0 && { data: data.toString('base64') }),
    },
  };
}

function consuming(broker: Broker, stream: Stream, { config }: { config?: ConsumerConfig }): object | ApiError {
  if (!config?.deliver_subject || !config.name) return badRequest;
  return broker.addConsumer(stream, config).info;
}

function asked<T>(body: string): T {
  return JSON.parse(body === '' ? '{}' : body) as T;
}
