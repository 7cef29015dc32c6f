// The names of users and conversations, as the page shows them.

import { client } from "./page-client.js";

export const nameOf = (userId) => client.people.find(userId)?.name ?? "…";

export function statusOf(userId) {
  if (userId === client.user.id) return client.connection.isLive ? "online" : "offline";
  return client.people.statusOf(userId);
}

export const myRole = (conversationId) => client.people.roleOf(conversationId, client.user.id);

export function titleOf(conversation) {
  if (conversation.type === "direct") {
    const peer = client.people.users.get(conversation.peer?.id);
    if (peer) return peer.name;
  } else if (conversation.name) {
    return conversation.name;
  }
  const others = client.people.members.get(conversation.id)?.filter((member) => member.user.id !== client.user.id);
  if (others?.length) {
    const names = others.slice(0, 3).map((member) => member.user.name);
    return names.join(", ") + (others.length > 3 ? ` and ${others.length - 3} more` : "");
  }
  if (!others) client.people.loadMembers(conversation.id);
  return conversation.type === "direct" ? "Direct conversation" : "Unnamed group";
}
