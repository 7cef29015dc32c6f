// A relay on Bun's own server: rooms are topics of uWebSockets. No accounts, no store, nothing checked.
// Arguments: host, port, the payload of `message.new` with {conversation}, {seq}, {id} and {content} in it, and a `hello`.

const [host, port, template, hello] = process.argv.slice(2);
const greeting = JSON.parse(hello);

const SEND = '{"type":"message.send","';
const ID = 36;
// Where the id stands in a send to one conversation, and where both stand in one that names its conversation.
const AT_ONE = SEND.length + 'id":"'.length;
const CONVERSATION = SEND.length + 'conversation_id":"'.length;
const AT_MANY = CONVERSATION + ID + '","id":"'.length;
const BETWEEN = '","content":"'.length;

// By id: the newest number, and the frame's parts with the conversation filled in; every second one is a name.
const rooms = new Map();

function room(id) {
  let found = rooms.get(id);
  if (!found) {
    const filled = template.replaceAll("{conversation}", id).split(/\{(seq|id|content)\}/);
    found = { id, seq: 0, parts: filled };
    rooms.set(id, found);
  }
  return found;
}

function frame({ parts, seq }, id, content) {
  let text = parts[0];
  for (let at = 1; at < parts.length; at += 2) {
    const name = parts[at];
    text += (name === "seq" ? seq : name === "id" ? id : content) + parts[at + 1];
  }
  return text;
}

const server = Bun.serve({
  hostname: host,
  port: Number(port),
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    const one = pathname.startsWith("/ws/");
    const names = one ? pathname.slice("/ws/".length) : (request.headers.get("authorization") ?? "").replace("Bearer ", "");
    const data = { one, rooms: names.split(",").map(room) };
    return server.upgrade(request, { data }) ? undefined : new Response("", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 960,
    backpressureLimit: 64 * 1024 * 1024,
    open(socket) {
      const { one, rooms } = socket.data;
      for (const { id } of rooms) socket.subscribe(id);
      const [{ id, seq }] = rooms;
      const where = { conversation_id: id, conversation: { id, last_seq: seq } };
      socket.send(JSON.stringify({ ...greeting, ...(one ? where : { conversation_id: undefined, conversation: undefined }) }));
    },
    message(socket, text) {
      const { one, rooms: own } = socket.data;
      const to = one ? own[0] : rooms.get(text.slice(CONVERSATION, CONVERSATION + ID));
      const at = one ? AT_ONE : AT_MANY;
      to.seq += 1;
      server.publish(to.id, frame(to, text.slice(at, at + ID), text.slice(at + ID + BETWEEN, -2)));
    },
  },
});
console.log(JSON.stringify({ url: `http://${host}:${server.port}`, bun: Bun.version }));
