//! Killed between commit and answer: whoever asks again gets what the first try came to.

use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::chance::Run;
use crate::support::client::{PASSWORD, Person, post};
use crate::support::node::Node;
use crate::support::proxy::{Flow, Proxy};
use crate::support::server::On;

on_each_store! {
    killed_between_commit_and_answer,
}

async fn killed_between_commit_and_answer(store: On) {
    let run = Run::new("killed between commit and answer");
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.person("ada").await, node.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let proxy = Proxy::to(node.address);
    let mut far = Person { address: proxy.address, ..ada.clone() };
    let rounds = run.rounds(1);
    for round in 0..rounds {
        let newcomer = format!("newcomer-{round}");
        let account = json!({"username": newcomer, "name": "Newcomer", "password": PASSWORD});
        let old = node.person(&format!("old-{round}")).await;
        let pair = json!({"type": "direct", "member_ids": [old.id]});
        let (framed, posted) = (Uuid::now_v7(), Uuid::now_v7());
        let message = json!({"id": posted, "content": "posted"});
        let frame = json!({"type": "message.send", "id": framed, "content": "framed"});
        let refresh = json!({"refresh_token": far.refresh_token});
        let mut socket = far.listen(&room.socket).await;
        let mut theirs = grace.listen(&room.socket).await;

        // Everything is done and nobody is told.
        let already = proxy.robbed_so_far();
        proxy.back(Flow::Swallow);
        socket.send(&frame).await;
        let answers = [
            (room.messages.as_str(), &message),
            ("/v1/users/refresh", &refresh),
            ("/v1/users/register", &account),
            ("/v1/conversations", &pair),
        ]
        .map(|(path, body)| {
            let (far, path, body) = (far.clone(), path.to_owned(), body.clone());
            tokio::spawn(async move { far.try_call(Method::POST, &path, Some(&body)).await.is_ok() })
        });
        proxy.robbed(already + 1 + answers.len()).await;
        let mut seqs = [0, 0];
        while seqs.contains(&0) {
            let heard = theirs.next_of(&["message.new"]).await;
            let place = usize::from(heard["message"]["id"] == posted.to_string());
            seqs[place] = heard["seq"].as_i64().unwrap();
        }
        node.kill().await;
        proxy.cut();
        for answer in answers {
            assert!(!answer.await.unwrap(), "no answer came through");
        }
        node.start().await;
        proxy.back(Flow::Pass);

        // The same again says what the first try came to.
        for (id, seq, content) in [(framed, seqs[0], "framed"), (posted, seqs[1], "posted")] {
            let body = json!({"id": id, "content": content});
            let again = far.post(&room.messages, &body).await.expect(200).json();
            assert_eq!((&again["seq"], &again["id"]), (&json!(seq), &json!(id)));
        }
        let mut socket = far.listen(&room.socket).await;
        socket.send(&frame).await;
        assert_eq!(socket.next_of(&["message.new"]).await["seq"], seqs[0]);
        let page = grace.get(&format!("{}?limit=200", room.messages)).await.expect(200).json();
        let rows =
            |id: Uuid| page["items"].as_array().unwrap().iter().filter(|row| row["id"] == id.to_string()).count();
        assert_eq!((rows(framed), rows(posted)), (1, 1));

        let successors = [post(node.address, "/v1/users/refresh", &refresh).await, refreshed(&node, &refresh).await];
        let [one, other] = successors.map(|answer| answer.expect(200).json()["refresh_token"].clone());
        assert_eq!(one, other, "the same successor");
        let next = refreshed(&node, &json!({"refresh_token": one})).await.expect(200).json();
        far.token = text(&next["access_token"]);
        far.refresh_token = text(&next["refresh_token"]);

        let taken = post(node.address, "/v1/users/register", &account).await;
        assert_eq!(taken.problem(), (409, "username_taken".to_owned()));
        Person::login(node.address, &newcomer).await;
        far.post("/v1/conversations", &pair).await.expect(200);
    }
    run.tell(format_args!("{store:?}, {rounds} kills: {} answers lost, each given again", 5 * rounds));
}

async fn refreshed(node: &Node, refresh: &Value) -> crate::support::client::Answer {
    post(node.address, "/v1/users/refresh", refresh).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
