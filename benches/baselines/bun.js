// A relay on Bun's own server, where a conversation is a topic of uWebSockets. It has no accounts, no store and no checks.
// Arguments: host, port, the payload of `message.new` with {conversation}, {seq}, {id} and {content} in it, and the payload of `hello`.

const [host, port, template, hello] = process.argv.slice(2);
const helloFrame = JSON.parse(hello);

const SEND = '{"type":"message.send","';
const ID_LENGTH = 36;
// The position of the id in a send on /ws/{id}, and of both ids in a send on /ws.
const ID_AT_ONE = SEND.length + 'id":"'.length;
const CONVERSATION_AT = SEND.length + 'conversation_id":"'.length;
const ID_AT_ALL = CONVERSATION_AT + ID_LENGTH + '","id":"'.length;
const BETWEEN_LENGTH = '","content":"'.length;

// By id: the newest sequence number, and the frame's parts with the conversation filled in. Every second part is a placeholder's name.
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
    const ids = one ? pathname.slice("/ws/".length) : (request.headers.get("authorization") ?? "").replace("Bearer ", "");
    const data = { one, rooms: ids.split(",").map(room) };
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
      const conversation = { conversation_id: id, conversation: { id, last_seq: seq } };
      socket.send(JSON.stringify({ ...helloFrame, ...(one ? conversation : { conversation_id: undefined, conversation: undefined }) }));
    },
    message(socket, text) {
      const { one, rooms: own } = socket.data;
      const to = one ? own[0] : rooms.get(text.slice(CONVERSATION_AT, CONVERSATION_AT + ID_LENGTH));
      const at = one ? ID_AT_ONE : ID_AT_ALL;
      to.seq += 1;
      server.publish(to.id, frame(to, text.slice(at, at + ID_LENGTH), text.slice(at + ID_LENGTH + BETWEEN_LENGTH, -2)));
    },
  },
});
console.log(JSON.stringify({ url: `http://${host}:${server.port}`, bun: Bun.version }));
