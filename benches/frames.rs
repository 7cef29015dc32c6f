//! Encodes events.

use std::hint::black_box;

use chinwag::delivery::encode;
use chinwag::domain::event::Event;
use chinwag::domain::message::Message;
use chinwag::domain::{ConversationId, MessageId, Seq, Timestamp, UserId};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Measures the encoding of committed messages, JSON and frame headers, into one growing buffer. A message is encoded once for all
/// recipients; compare it with the small write of 5 to 8 µs for each recipient.
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

/// Returns messages of one conversation, from sequence number 1.
pub(crate) fn messages(conversation_id: ConversationId, count: u64) -> Vec<Event> {
    let message = |seq| {
        Message::new(
            MessageId::new(),
            conversation_id,
            seq,
            UserId::new(),
            "Shall we have lunch at noon? The \"usual\" place, I think.".to_owned(),
            Timestamp::now(),
        )
    };
    (1..=Seq::try_from(count).unwrap()).map(|seq| Event::created(message(seq))).collect()
}
