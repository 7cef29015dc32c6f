// The types of the client, in JSDoc. `tsc --checkJs` holds the code to them.

/**
 * A Web Storage, or an object like it.
 * @typedef {object} KeyValueStorage
 * @property {number} length
 * @property {(index: number) => string | null} key
 * @property {(key: string) => string | null} getItem
 * @property {(key: string, value: string) => void} setItem
 * @property {(key: string) => void} removeItem
 */

/**
 * `local` is shared by all tabs and survives closing them. `session` belongs to one tab.
 * @typedef {{ local: KeyValueStorage, session: KeyValueStorage }} Storages
 */

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(work: () => void, milliseconds: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

/**
 * Connects the tabs of one browser.
 * @typedef {object} Channel
 * @property {(message: unknown) => void} postMessage
 * @property {((event: { data: any }) => void) | null} onmessage
 * @property {() => void} close
 */

/**
 * The methods of Web Locks that the client uses.
 * @typedef {object} Locks
 * @property {(name: string, options: { signal?: AbortSignal, ifAvailable?: boolean }, work: (lock: unknown) => any) => Promise<any>} request
 */

/**
 * The parts of its surroundings that the client uses. Every option replaces one of them; by default they are those of the browser.
 * @typedef {object} Options
 * @property {string} [baseUrl] the server's address; the page's own by default
 * @property {Storages} [storage]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {new (url: string, protocols: string[]) => WebSocket} [WebSocket]
 * @property {Locks | null} [locks] null where the origin is not secure
 * @property {Channel | null} [channel]
 * @property {Clock} [clock]
 * @property {() => number} [random] a number from 0 to below 1
 */

/**
 * @typedef {object} Environment
 * @property {string} baseUrl without a slash at its end
 * @property {string | null} pageOrigin null outside a browser
 * @property {Storages} storage
 * @property {typeof globalThis.fetch} fetch
 * @property {new (url: string, protocols: string[]) => WebSocket} WebSocket
 * @property {Locks | null} locks
 * @property {Channel | null} channel
 * @property {Clock} clock
 * @property {() => number} random
 */

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string} name
 * @property {string} [status] `online`, `away` or `offline`
 * @property {string | null} [last_seen_at] when the last connection of the user ended, if the user shows it
 */

/**
 * @typedef {object} Tokens
 * @property {string} login the same for all tokens of one login
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} lasts_ms lifetime of the access token
 * @property {number} expires_at
 * @property {User} user
 */

/** @typedef {{ kind: string, user_id?: string, role?: string, name?: string }} SystemNote */

/** @typedef {{ emoji: string, count: number, me?: boolean }} Reaction `me`: it is one of the user's own, where that is known */

/**
 * What a message shows of the one that it answers.
 * @typedef {object} Quote
 * @property {number} seq
 * @property {string} sender_id
 * @property {string} type
 * @property {string} content at most 200 characters
 * @property {string | null} [deleted_at]
 */

/** @typedef {{ id: string, quote: Quote }} Reply a message that is answered */

/** @typedef {{ message: Message, user_id: string, pinned_at: string }} Pin */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string} conversation_id
 * @property {number} seq
 * @property {string} sender_id
 * @property {string} type `text` or `system`
 * @property {string} content
 * @property {string} timestamp
 * @property {string | null} [edited_at]
 * @property {string | null} [deleted_at]
 * @property {string | null} [reply_to]
 * @property {Quote} [quote]
 * @property {Reaction[]} [reactions]
 * @property {string | null} [pinned_at]
 * @property {SystemNote} [system]
 * @property {string[]} [mentions] the users whom it mentions; missing if it mentions none. `client.notifications.mentionsUser` looks into both
 * @property {boolean} [mentions_all] true if it mentions all members of a group
 * @property {"sent" | "delivered" | "read"} [status] of the user's own messages, when they were loaded
 */

/**
 * What the user is notified of in a conversation. After `until` the level is `all` again; ask `client.notifications.of` for the level as it is now.
 * @typedef {{ level: "all" | "mentions" | "none", until: string | null }} NotificationChoice
 */

/** @typedef {{ delivered_seq: number, read_seq: number | null }} Receipt how far a member has received and read; null if the member does not show it */

/**
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} type `direct` or `group`
 * @property {string | null} [name]
 * @property {string} created_at
 * @property {number} [member_count]
 * @property {number} last_seq
 * @property {User} [peer] the other user of a direct conversation
 * @property {Message | null} [last_message]
 * @property {number} [read_seq]
 * @property {number} [unread_count]
 * @property {number | null} [unread_from_seq] the messages from here on are marked as unread
 * @property {number} [mention_count] the unread messages that mention the user, at most 100
 * @property {NotificationChoice} [notifications]
 * @property {number} [event_seq] this client's: the newest event that has arrived, other than in an answer
 * @property {number} [counted_seq] this client's: the server has counted the unread messages up to here
 * @property {string[]} [not_added] in the answer to a creation
 */

/** @typedef {{ user: User, role: string }} Member */

/**
 * The settings of the user.
 * @typedef {object} Settings
 * @property {"everyone" | "contacts" | "nobody"} contact_from
 * @property {boolean} send_receipts
 * @property {boolean} show_last_seen
 * @property {string | null} do_not_disturb_until
 */

/**
 * A message that the user keeps for later, as the list of them shows it.
 * @typedef {object} SavedMessage
 * @property {string} conversation_id
 * @property {string} message_id
 * @property {string} saved_at
 * @property {Message | null} message null if it is deleted, or if the user is not in its conversation
 */

/**
 * The edit of a message that is begun and not saved. `base` is the message's text without it.
 * @typedef {{ id: string, base: string, content: string }} Edit
 */

/**
 * A message that the server has not acknowledged yet.
 * @typedef {object} Unsent
 * @property {string} id chosen by the client
 * @property {string} conversation_id
 * @property {string} content
 * @property {string} timestamp
 * @property {"pending" | "failed"} state
 * @property {string} [reply_to]
 * @property {Quote} [quote]
 * @property {boolean} [late] the acknowledgement is late: "not confirmed yet"
 * @property {string} [reason] why it failed
 * @property {string} [code]
 */

/**
 * `stopped`: not started, or logged out. `refused`: the server does not take this client until something changes.
 * @typedef {"stopped" | "connecting" | "connected" | "waiting" | "refused"} ConnectionState
 */

/**
 * `reason`: why there is no connection. `isSilent`: the server has not answered for 5 s what it was asked.
 * @typedef {{ state: ConnectionState, reason: string, retryAt: number | null, isSilent: boolean }} ConnectionStatus
 */

/**
 * A frame of the protocol; docs/protocol.md has them all.
 * @typedef {{ type: string, [field: string]: any }} Frame
 */

/** @typedef {{ items: any[], next: string | null }} Page */

/**
 * @typedef {object} HistoryPage
 * @property {Message[]} items
 * @property {number} last_seq
 * @property {boolean} [has_more]
 * @property {boolean} [has_more_before] of a page around a number, as the next
 * @property {boolean} [has_more_after]
 */

/** @typedef {"conversations" | "people" | "timeline" | "pins" | "receipts" | "connection" | "outbox" | "typing" | "settings" | "saved"} Topic */

export {};
