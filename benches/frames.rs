//! Encoding what happened.

use std::hint::black_box;

use chinwag::delivery::encode;
use chinwag::domain::event::Event;
use chinwag::domain::message::Message;
use chinwag::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};
use criterion::{BenchmarkId, Criterion, Throughput};

/// From committed messages to the bytes that every recipient gets: JSON and frame headers, in one allocation that grows.
/// Compare a frame with the small write of 5 to 8 µs that each of its recipients costs: encoding happens once for all of them.
pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    for count in [1, 64] {
        let messages = messages(ConversationId::new(), count);
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::new("message.new", count), &messages, |bencher, messages| {
            bencher.iter(|| encode(black_box(messages).iter()));
        });
    }
    group.finish();
}

/// Messages of one conversation, from number 1.
pub(crate) fn messages(conversation_id: ConversationId, count: u64) -> Vec<Event> {
    let message = |seq| Message {
        id: MessageId::new(),
        conversation_id,
        seq,
        sender_id: UserId::new(),
        content: "Shall we have lunch at noon? The \"usual\" place, I think.".to_owned(),
        reply_to: None,
        timestamp: Timestamp::now(),
        edited_at: None,
        deleted_at: None,
        note: None,
        extra: None,
    };
    (1..=Seq::try_from(count).unwrap()).map(|seq| Event::created(message(seq))).collect()
}
