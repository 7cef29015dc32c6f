//! Reports, removals, and groups without members.

use chinwag::domain::command::{Command, Outcome};
use chinwag::domain::report::{Report, ReportReason, Resolution};
use chinwag::domain::{ConversationId, MessageId, ReportId, Timestamp, UserId};
use chinwag::limits;
use chinwag::store::Store;

use super::shims::ApplyOne;
use super::{Fixture, refused};

distributed_conformance!(
    reports_are_listed_settled_and_swept,
    only_a_member_gets_the_facts_of_a_report,
    removals_are_remembered_and_swept,
    groups_without_members_are_deleted_later,
);

async fn report(store: &Fixture, reporter: UserId, room: ConversationId, text: &str, sender: UserId) -> Report {
    let message = store.send(room, sender, text).await;
    let facts = store.report_facts(reporter, room, message.id).await.unwrap().unwrap();
    let reason = Some(ReportReason::parse("rude".to_owned()).unwrap());
    facts.decide(reporter, reason, store.now()).unwrap().unwrap()
}

async fn reports_are_listed_settled_and_swept(store: &Fixture) {
    let (ada, eve) = (store.register("ada").await, store.register("eve").await);
    let room = store.direct(ada, eve).await;
    let mut reports = Vec::new();
    for text in ["one", "two", "three"] {
        let report = report(store, ada, room, text, eve).await;
        store.insert_report(&report).await.unwrap();
        let second = Report { id: ReportId::new(), content: "another".to_owned(), ..report.clone() };
        store.insert_report(&second).await.unwrap();
        assert_eq!(store.report(second.id).await.unwrap(), None, "one for each member and message");
        reports.push(report);
    }
    let ids = async |settled, after, limit| {
        let found = store.reports(settled, after, limit).await.unwrap();
        found.into_iter().map(|view| view.report.id).collect::<Vec<_>>()
    };
    let [one, two, three] = [reports[0].id, reports[1].id, reports[2].id];
    assert_eq!(ids(false, None, 2).await, [one, two]);
    assert_eq!(ids(false, Some(two), 2).await, [three]);
    let view = store.report(one).await.unwrap().unwrap();
    assert_eq!((&view.report, view.reporter_username.as_str()), (&reports[0], "ada"));
    assert_eq!(view.sender_username, "eve");

    let at = store.now();
    store.settle_reports(room, reports[1].message_id, Resolution::Removed, at).await.unwrap();
    store.settle_reports(room, reports[1].message_id, Resolution::Dismissed, store.now()).await.unwrap();
    let settled = store.report(two).await.unwrap().unwrap().report.settled;
    assert_eq!(settled, Some((at, Resolution::Removed)), "a settled report stays so");
    assert_eq!((ids(false, None, 9).await, ids(true, None, 9).await), (vec![one, three], vec![two]));
    assert_eq!(store.sweep_reports(Timestamp(at.0 - 1), 9).await.unwrap(), 0);
    assert_eq!(store.sweep_reports(at, 9).await.unwrap(), 1);
    assert_eq!(store.report(two).await.unwrap(), None);
    assert_eq!(ids(false, None, 9).await, [one, three], "open ones are kept");
}

async fn only_a_member_gets_the_facts_of_a_report(store: &Fixture) {
    let (ada, bob, eve) = (store.register("ada").await, store.register("bob").await, store.register("eve").await);
    let room = store.group("Lunch", ada, &[bob]).await;
    let message = store.send(room, bob, "hello").await;
    assert_eq!(store.report_facts(eve, room, message.id).await.unwrap(), None);
    assert_eq!(store.report_facts(ada, ConversationId::new(), message.id).await.unwrap(), None);
    let facts = store.report_facts(ada, room, MessageId::new()).await.unwrap().unwrap();
    assert_eq!((facts.message, facts.is_reported, facts.open, facts.open_of_reporter), (None, false, 0, 0));
    let report = report(store, ada, room, "again", bob).await;
    store.insert_report(&report).await.unwrap();
    let facts = store.report_facts(ada, room, message.id).await.unwrap().unwrap();
    assert_eq!((facts.message, facts.is_reported), (Some(message), false));
    assert_eq!((facts.open, facts.open_of_reporter), (1, 1));
    let facts = store.report_facts(bob, room, report.message_id).await.unwrap().unwrap();
    assert_eq!((facts.is_reported, facts.open, facts.open_of_reporter), (false, 1, 0));
    assert!(store.report_facts(ada, room, report.message_id).await.unwrap().unwrap().is_reported);
}

async fn removals_are_remembered_and_swept(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let room = store.direct(ada, bob).await;
    let message = store.send(room, bob, "hello").await;
    let another = store.another().await;
    let remove = async || another.apply(0, [Command::removal(room, message.id)].into()).await.unwrap().remove(0);
    let Ok(Outcome::Committed(event)) = remove().await else { panic!("it is removed") };
    let removed = event.message.unwrap();
    assert_eq!((event.seq, removed.content.as_str()), (2, ""));
    assert_eq!(remove().await, Ok(Outcome::Duplicate(removed.clone())));
    assert_eq!(store.message(room, message.id).await.unwrap(), Some(removed.clone()));
    let at = removed.deleted_at.unwrap();
    assert_eq!(store.removals(Timestamp(at.0 - 1), 9).await.unwrap(), [(room, message.id)]);
    assert_eq!(store.removals(at, 9).await.unwrap(), []);
    assert_eq!(store.sweep_removals(Timestamp(at.0 - 1), 9).await.unwrap(), 0);
    assert_eq!(store.sweep_removals(at, 9).await.unwrap(), 1);
    assert_eq!(store.removals(Timestamp(0), 9).await.unwrap(), []);
    let unknown = Command::removal(ConversationId::new(), message.id);
    assert!(another.apply(0, [unknown].into()).await.unwrap().remove(0).is_err());
}

async fn groups_without_members_are_deleted_later(store: &Fixture) {
    let (ada, bob) = (store.register("ada").await, store.register("bob").await);
    let (empty, kept) = (store.group("Lunch", ada, &[]).await, store.group("Dinner", ada, &[bob]).await);
    store.send(empty, ada, "hello").await;
    let left = store.remove(empty, ada, ada).await.timestamp;
    store.remove(kept, ada, bob).await;
    assert_eq!(
        store.delete_memberless(Timestamp(left.0 - 1), 9).await.unwrap(),
        0,
        "its last event is delivered first"
    );
    assert!(store.conversation(empty).await.unwrap().is_some());
    let another = store.another().await;
    let sweeps = [&*store.store, &*another].map(|store: &dyn Store| store.delete_memberless(left, 9));
    assert!(futures_util::future::join_all(sweeps).await.into_iter().any(|found| found == Ok(1)));
    assert_eq!(store.delete_memberless(left, limits::MEMBERLESS_SWEPT).await.unwrap(), 0);
    assert_eq!(store.conversation(empty).await.unwrap(), None);
    while store.sweep_deleted(9).await.unwrap() {}
    assert_eq!(store.all(empty).await, []);
    let mut again = store.new_group("Lunch", ada, &[]);
    again.id = empty;
    assert_eq!(refused(store.create_conversation(&again).await), chinwag::domain::Code::IdTaken);
    assert!(store.conversation(kept).await.unwrap().is_some());
}
