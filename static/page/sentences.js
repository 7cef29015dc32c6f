// The sentences of system messages.

import { el } from "./dom.js";
import { nameOf } from "./names.js";

const ROLES = { owner: "the owner", admin: "an admin", member: "a member" };

// A name in an element of its own cannot be read as words of the server, whatever a user calls themselves: somebody with the name
// "Ada removed Grace" is shown as one name. `bdi` also keeps the direction of a name from the words around it.
const name = (text) => el("bdi", { class: "name" }, text);

/** Returns the names in the sentence of a system message that can change. */
export const namesIn = ({ sender_id: senderId, system }) => [senderId, system?.user_id].map((id) => id && nameOf(id)).join("\n");

/** Returns the sentence of a system message as nodes. Its `content`, where names are words like others, serves for unknown kinds. */
export function sentence({ content, sender_id: senderId, system }) {
  const { kind, user_id: userId, role } = system ?? {};
  const [actor, target] = [senderId, userId].map((id) => id && name(nameOf(id)));
  if (kind === "conversation.updated" && system.name) return [actor, " named the conversation “", name(system.name), "”"];
  if (!target) return [content];
  if (kind === "member.added") return [actor, " added ", target];
  if (kind === "member.removed") return senderId === userId ? [actor, " left"] : [actor, " removed ", target];
  if (kind === "member.updated" && ROLES[role]) return [actor, " made ", target, ` ${ROLES[role]}`];
  return [content];
}
