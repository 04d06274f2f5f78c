// Drive the API as users of toxiproxy-node-client do: every call it has, every toxic,
// with real connections to see what comes of it. Prints a line for each story, with what
// was wrong about it, or null.
'use strict';
const assert = require('node:assert/strict');
const net = require('node:net');
const { Toxiproxy } = require('toxiproxy-node-client');

const toxiproxy = new Toxiproxy(process.argv[2]);
const PATIENCE = 20000;
const stories = [];
const story = (name, tell) => stories.push({ name, tell });

// ---- real connections ----

// Echoes; what begins with "bye" is answered and the connection is ended.
const upstream = net.createServer({ allowHalfOpen: true }, (s) => {
  s.on('error', () => {});
  s.on('end', () => s.end());
  s.on('data', (d) => (d.toString().startsWith('bye') ? s.end(d) : s.write(d)));
});

class Dialer {
  constructor(listen) {
    const at = listen.lastIndexOf(':');
    this.got = '';
    this.trouble = null;
    this.ended = false;
    this.changed = () => {};
    this.sock = net.connect(Number(listen.slice(at + 1)), listen.slice(0, at));
    this.sock.on('data', (d) => this.note(() => { this.got += d; }));
    this.sock.on('error', (e) => this.note(() => { this.trouble = e.code; }));
    this.sock.on('close', () => this.note(() => { this.ended = true; }));
    this.sock.on('connect', () => this.note(() => { this.connected = true; }));
  }

  note(what) {
    what();
    this.changed();
  }

  // Until that is so.
  async until(what, condition) {
    const end = Date.now() + PATIENCE;
    while (!condition()) {
      assert(Date.now() < end, `still not ${what}: got ${this.got.length} bytes, ` +
        `ended ${this.ended}, ${this.trouble}`);
      await new Promise((done) => {
        const timer = setTimeout(done, 50);
        this.changed = () => { clearTimeout(timer); done(); };
      });
    }
  }

  async says(text) {
    const before = this.got.length;
    const start = Date.now();
    this.sock.write(text);
    await this.until(`an echo of ${text.length} bytes`,
      () => this.got.length >= before + text.length);
    assert.equal(this.got.slice(before), text);
    return Date.now() - start;
  }

  end() {
    this.sock.destroy();
  }
}

async function withProxy(tell) {
  const proxy = await toxiproxy.createProxy({
    name: 'redis',
    listen: '127.0.0.1:0',
    upstream: `127.0.0.1:${upstream.address().port}`,
  });
  try {
    await tell(proxy);
  } finally {
    await proxy.remove().catch(() => {});
  }
}

const about = (name, tell) => story(name, () => withProxy(tell));

async function connected(proxy) {
  const d = new Dialer(proxy.listen);
  await d.says('hello\r\n');
  return d;
}

const rejects = (call, status) =>
  assert.rejects(call, { message: new RegExp(`${status}$`) });

// ---- every call ----

story('the version is one that clients know', async () => {
  const version = JSON.parse(await toxiproxy.getVersion()).version;
  assert.match(version, /^2\.\d+\.\d+$/);
});

about('a proxy is made, seen, and removed', async (proxy) => {
  assert.equal(proxy.name, 'redis');
  assert.equal(proxy.enabled, true);
  assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]\d*$/);
  const again = await toxiproxy.get('redis');
  assert.deepEqual(again.toJson(), proxy.toJson());
  assert.deepEqual(Object.keys(await toxiproxy.getAll()), ['redis']);
  (await connected(proxy)).end();
  await proxy.remove();
  await rejects(() => toxiproxy.get('redis'), 404);
  assert.deepEqual(await toxiproxy.getAll(), {});
});

about('mistakes have the status that is looked for', async (proxy) => {
  await rejects(() => toxiproxy.createProxy(proxy.toJson()), 409);
  await rejects(() => toxiproxy.createProxy({ name: 'x' }), 400);
  await rejects(() => proxy.addToxic({ type: 'nonsense' }), 400);
  await rejects(() => proxy.addToxic({ type: 'latency', stream: 'sideways' }), 400);
  await rejects(() => proxy.getToxic('none'), 404);
  await proxy.addToxic({ type: 'latency', attributes: {} });
  await rejects(() => proxy.addToxic({ type: 'latency', attributes: {} }), 409);
});

about('populate makes what is missing and leaves the rest', async (proxy) => {
  const more = { ...proxy.toJson(), name: 'more', listen: '127.0.0.1:0' };
  await proxy.addToxic({ type: 'latency', attributes: { latency: 1 } });
  const made = await toxiproxy.populate([proxy.toJson(), more]);
  assert.deepEqual(Object.keys(made), ['redis', 'more']);
  assert.equal(made.redis.listen, proxy.listen);
  await proxy.getToxic('latency_downstream');
  (await connected(made.more)).end();
  await made.more.remove();
});

about('disabled: refused, cut, and back with all toxics', async (proxy) => {
  const d = await connected(proxy);
  await proxy.addToxic({ type: 'latency', attributes: { latency: 1 } });
  assert.equal((await proxy.update({ enabled: false })).enabled, false);
  await d.until('cut', () => d.ended);
  const refused = new Dialer(proxy.listen);
  await refused.until('refused', () => refused.ended);
  assert.equal(refused.trouble, 'ECONNREFUSED');
  assert.equal((await proxy.update({ enabled: true })).enabled, true);
  (await connected(proxy)).end();
  await proxy.getToxic('latency_downstream');
});

about('a proxy can be given another upstream', async (proxy) => {
  const other = net.createServer((s) => s.end('other'));
  await new Promise((done) => other.listen(0, '127.0.0.1', done));
  const updated = await proxy.update({
    ...proxy.toJson(), upstream: `127.0.0.1:${other.address().port}`,
  });
  assert.equal(updated.listen, proxy.listen);
  const d = new Dialer(proxy.listen);
  await d.until('answered by the other', () => d.got === 'other');
  d.end();
  other.close();
});

about('a toxic is made, seen, changed and removed', async (proxy) => {
  const toxic = await proxy.addToxic({
    type: 'latency', name: 'slow', stream: 'upstream', toxicity: 0.5,
    attributes: { latency: 10, jitter: 2 },
  });
  assert.deepEqual(toxic.toJson(), {
    name: 'slow', type: 'latency', stream: 'upstream', toxicity: 0.5,
    attributes: { latency: 10, jitter: 2 },
  });
  assert.deepEqual((await proxy.getToxic('slow')).toJson(), toxic.toJson());
  const changed = await toxic.update({ toxicity: 1, attributes: { latency: 20 } });
  assert.deepEqual(changed.attributes, { latency: 20, jitter: 2 });
  assert.equal(changed.toxicity, 1);
  const list = await toxiproxy.getApi().get(`${proxy.getPath()}/toxics`);
  assert.deepEqual(list.data, [changed.toJson()]);
  await toxic.remove();
  await rejects(() => proxy.getToxic('slow'), 404);
  await rejects(() => toxic.remove(), 404);
});

about('defaults are as they are known', async (proxy) => {
  const toxic = await proxy.addToxic({ type: 'bandwidth' });
  assert.deepEqual(toxic.toJson(), {
    name: 'bandwidth_downstream', type: 'bandwidth', stream: 'downstream', toxicity: 1,
    attributes: { rate: 0 },
  });
});

about('reset starts what was down and removes every toxic', async (proxy) => {
  await proxy.addToxic({ type: 'latency', attributes: { latency: 1000 } });
  await proxy.update({ enabled: false });
  await toxiproxy.reset();
  assert.equal((await toxiproxy.get('redis')).enabled, true);
  await rejects(() => proxy.getToxic('latency_downstream'), 404);
  (await connected(proxy)).end();
});

// ---- every toxic ----

about('noop: nothing', async (proxy) => {
  await proxy.addToxic({ type: 'noop' });
  (await connected(proxy)).end();
});

about('latency: later, both ways, and at once again', async (proxy) => {
  const d = await connected(proxy);
  const both = { type: 'latency', attributes: { latency: 100 } };
  const down = await proxy.addToxic(both);
  assert(await d.says('a\r\n') >= 99);
  await proxy.addToxic({ ...both, stream: 'upstream' });
  assert(await d.says('b\r\n') >= 198);
  await down.update({ attributes: { latency: 300 } });
  assert(await d.says('c\r\n') >= 398);
  await toxiproxy.reset();
  await d.says('d\r\n');
  d.end();
});

about('bandwidth: no more than its rate', async (proxy) => {
  const d = await connected(proxy);
  await proxy.addToxic({ type: 'bandwidth', attributes: { rate: 100 } });
  assert(await d.says('x'.repeat(50000)) >= 350);
  d.end();
});

about('slow_close: the end comes late', async (proxy) => {
  const d = await connected(proxy);
  await proxy.addToxic({ type: 'slow_close', attributes: { delay: 300 } });
  await d.says('bye');
  const start = Date.now();
  await d.until('ended', () => d.ended);
  assert(Date.now() - start >= 250);
});

about('timeout: nothing comes, then the end', async (proxy) => {
  const d = await connected(proxy);
  await proxy.addToxic({ type: 'timeout', attributes: { timeout: 200 } });
  d.got = '';
  d.sock.write('lost');
  await d.until('closed', () => d.ended);
  assert.equal(d.got, '');
});

about('timeout 0: nothing comes, and removing it closes', async (proxy) => {
  const d = await connected(proxy);
  const toxic = await proxy.addToxic({ type: 'timeout', attributes: { timeout: 0 } });
  d.got = '';
  d.sock.write('lost');
  await new Promise((done) => setTimeout(done, 200)); // that nothing happens is the point
  assert.equal(d.got, '');
  assert.equal(d.ended, false);
  await toxic.remove();
  await d.until('closed', () => d.ended);
});

about('reset_peer: a reset', async (proxy) => {
  await proxy.addToxic({ type: 'reset_peer', attributes: { timeout: 0 } });
  const d = new Dialer(proxy.listen);
  d.sock.write('hello');
  await d.until('reset', () => d.ended);
  assert.equal(d.trouble, 'ECONNRESET');
});

about('slicer: the same bytes, in pieces', async (proxy) => {
  const d = await connected(proxy);
  let pieces = 0;
  await proxy.addToxic({
    type: 'slicer', attributes: { average_size: 10, size_variation: 2, delay: 2000 },
  });
  d.sock.on('data', () => { pieces += 1; });
  await d.says('0123456789'.repeat(10));
  assert(pieces > 3, `only ${pieces} pieces`);
  d.end();
});

about('limit_data: so many bytes, then the end', async (proxy) => {
  await proxy.addToxic({ type: 'limit_data', attributes: { bytes: 7 } });
  const d = new Dialer(proxy.listen);
  d.sock.write('0123456789');
  await d.until('closed', () => d.ended);
  assert.equal(d.got, '0123456');
});

about('packet_loss: what is lost does not come', async (proxy) => {
  const d = await connected(proxy);
  const all = { type: 'packet_loss', attributes: { loss_rate: 1 } };
  const toxic = await proxy.addToxic(all);
  d.got = '';
  d.sock.write('lost');
  await new Promise((done) => setTimeout(done, 200)); // that nothing happens is the point
  assert.equal(d.got, '');
  await toxic.remove();
  d.end();
});

about('toxicity 0: there, and without effect', async (proxy) => {
  await proxy.addToxic({ type: 'timeout', toxicity: 0, attributes: { timeout: 1 } });
  const d = await connected(proxy);
  await d.says('again');
  d.end();
});

// ---- telling them ----

async function main() {
  await new Promise((done) => upstream.listen(0, '127.0.0.1', done));
  for (const { name, tell } of stories) {
    try {
      await tell();
      console.log(JSON.stringify({ name, trouble: null }));
    } catch (e) {
      console.log(JSON.stringify({ name, trouble: String(e.stack) }));
    }
  }
  process.exit(0);
}

main();
