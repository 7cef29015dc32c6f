-- The functions of a database whose tables are distributed by conversation (src/store/postgres/distribution.rs). Citus runs a call on the worker that
-- has the conversation's shard, whole. So each statement names one conversation and has the simplest form: Citus refuses statements
-- that change several tables at once.
--
-- A function is never changed: nodes of two versions may call it. A new form is a new function, with the next number.

-- Commits new messages of one conversation, as COMMIT_WITH_MENTIONS of commit.rs does for many. Returns for each message its number if it is
-- new, or else why it is not: 0 there is a message with its id, -1 the same and the sender is no member, -2 the sender is no member,
-- -3 a block refuses it, -4 there is no message to reply to. Returns NULL, and commits nothing, if the members may have changed after
-- the number resolved_at, at which the caller decided whom the messages mention.
--
-- The arrays have one element for each message; mention_places and mention_users have one for each mention, with its message's place, from 1.
CREATE OR REPLACE FUNCTION commit_messages_1(
    conversation uuid, ids uuid[], senders uuid[], contents text[], replies uuid[], timestamps timestamptz[],
    mention_texts text[], mention_places bigint[], mention_users uuid[], places_of_all bigint[], resolved_at bigint
) RETURNS bigint[] LANGUAGE plpgsql
-- A worker's connection has no settings of the journal. A plan must be good even if it was made while the tables were empty.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $function$
DECLARE
    head bigint;
    known_ids uuid[];
    free_members uuid[];
    blocked_members uuid[];
    outcome bigint;
    outcomes bigint[] := '{}';
    newest timestamptz;
    place_of_all bigint;
    sender uuid;
    newest_seq bigint;
BEGIN
    -- Each later statement sees what other transactions committed while this one waited.
    SELECT k.last_seq INTO head FROM counters k WHERE k.conversation_id = conversation FOR UPDATE;
    IF resolved_at IS NOT NULL THEN
        -- A change of the members leaves a system message.
        PERFORM 1 FROM messages m WHERE m.conversation_id = conversation AND m.seq > resolved_at AND m.note_kind IS NOT NULL LIMIT 1;
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    SELECT coalesce(array_agg(m.id), '{}') INTO known_ids FROM messages m
        WHERE m.conversation_id = conversation AND m.id = ANY(ids || replies);
    SELECT coalesce(array_agg(mb.user_id) FILTER (WHERE NOT mb.is_blocked), '{}'),
            coalesce(array_agg(mb.user_id) FILTER (WHERE mb.is_blocked), '{}') INTO free_members, blocked_members
        FROM members mb WHERE mb.conversation_id = conversation AND mb.user_id = ANY(senders);
    FOR place IN 1 .. cardinality(ids) LOOP
        outcome := CASE
            WHEN ids[place] = ANY(known_ids) THEN
                CASE WHEN senders[place] = ANY(free_members || blocked_members) THEN 0 ELSE -1 END
            WHEN senders[place] = ANY(blocked_members) THEN -3
            WHEN senders[place] <> ALL(free_members) THEN -2
            WHEN replies[place] IS NOT NULL AND replies[place] <> ALL(known_ids) THEN -4
            ELSE head + 1
        END;
        outcomes := outcomes || outcome;
        CONTINUE WHEN outcome <= 0;
        head := outcome;
        newest := greatest(newest, timestamps[place]);
        INSERT INTO messages (conversation_id, seq, id, sender_id, content, reply_to, timestamp, mentions)
            VALUES (conversation, head, ids[place], senders[place], contents[place], replies[place], timestamps[place], mention_texts[place]);
    END LOOP;
    IF newest IS NULL THEN
        RETURN outcomes;
    END IF;
    UPDATE counters k SET last_seq = head, active_at = greatest(k.active_at, newest) WHERE k.conversation_id = conversation;
    FOR sender, newest_seq IN SELECT s.id, max(s.seq) FROM unnest(senders, outcomes) AS s (id, seq) WHERE s.seq > 0 GROUP BY s.id LOOP
        UPDATE members mb SET delivered_seq = greatest(mb.delivered_seq, newest_seq), read_seq = greatest(mb.read_seq, newest_seq),
                unread_from_seq = NULL
            WHERE mb.conversation_id = conversation AND mb.user_id = sender;
    END LOOP;
    FOR place IN 1 .. cardinality(mention_places) LOOP
        CONTINUE WHEN outcomes[mention_places[place]] <= 0;
        INSERT INTO mentions (conversation_id, user_id, message_seq)
            VALUES (conversation, mention_users[place], outcomes[mention_places[place]]);
    END LOOP;
    FOREACH place_of_all IN ARRAY places_of_all LOOP
        CONTINUE WHEN outcomes[place_of_all] <= 0;
        INSERT INTO mentions_of_all (conversation_id, message_seq) VALUES (conversation, outcomes[place_of_all]);
    END LOOP;
    RETURN outcomes;
END
$function$;
