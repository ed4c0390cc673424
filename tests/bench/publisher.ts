/** Publishes traces when told, as a process of its own, so that its CPU can be told apart. */
import { connect } from 'nats';
import { underParent } from '../../deploy/demo/child.ts';
import { Publisher } from '../../runtime/publisher.ts';
import { publishTrace } from './publish.ts';
import type { PublishOptions } from './publish.ts';
import { readTrace } from './trace-file.ts';
import type { TraceEvent } from './workload.ts';

const nc = await connect({ servers: process.env.BENCH_URL!, name: 'bench-publisher', inboxPrefix: '_INBOX_benchpub' });
const publisher = new Publisher(nc, '_INBOX_benchpub');
let trace: TraceEvent[] = [];

const parent = underParent(() => nc.close());
parent.onMessage(message => {
  if (message.type === 'load') {
    trace = readTrace(message.file as string);
    return parent.tell({ type: 'load', events: trace.length });
  }
  if (message.type === 'publish') void publishTrace(publisher, trace, message.options as PublishOptions).then(published => parent.tell({ type: 'publish', ...published }));
});
parent.ready();
