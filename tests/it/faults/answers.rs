//! The server is killed between commit and answer: a retry gets the result of the first attempt.

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::client::{Conversation, PASSWORD, Response, TestUser, post};
use crate::support::node::Node;
use crate::support::proxy::{Flow, Proxy};
use crate::support::rng::FaultRun;
use crate::support::server::StoreKind;

on_each_store! {
    killed_between_commit_and_answer,
}

/// The requests that a client sends, and sends again.
struct Requests {
    framed: Uuid,
    posted: Uuid,
    refresh: Value,
    account: Value,
    pair: Value,
}

impl Requests {
    async fn new(node: &Node, round: usize, who: &TestUser) -> Self {
        let other = node.register(&format!("other-{round}")).await;
        Self {
            framed: Uuid::now_v7(),
            posted: Uuid::now_v7(),
            refresh: json!({"refresh_token": who.refresh_token}),
            account: json!({"username": format!("newcomer-{round}"), "name": "Newcomer", "password": PASSWORD}),
            pair: json!({"type": "direct", "member_ids": [other.id]}),
        }
    }

    fn frame(&self) -> Value {
        json!({"type": "message.send", "id": self.framed, "content": "framed"})
    }

    /// Sends all requests over REST. Each task returns true if it got a response.
    fn post_all(&self, who: &TestUser, room: &Conversation) -> [JoinHandle<bool>; 4] {
        let message = json!({"id": self.posted, "content": "posted"});
        [
            (room.messages.as_str(), &message),
            ("/v1/users/refresh", &self.refresh),
            ("/v1/users/register", &self.account),
            ("/v1/conversations", &self.pair),
        ]
        .map(|(path, body)| {
            let (who, path, body) = (who.clone(), path.to_owned(), body.clone());
            tokio::spawn(async move { who.try_call(Method::POST, &path, Some(&body)).await.is_ok() })
        })
    }

    /// Sends the messages again, and checks that each is stored once under its first number.
    async fn send_again(&self, who: &TestUser, room: &Conversation, seqs: [i64; 2]) {
        for (id, seq, content) in [(self.framed, seqs[0], "framed"), (self.posted, seqs[1], "posted")] {
            let body = json!({"id": id, "content": content});
            let again = who.post(&room.messages, &body).await.expect(200).json();
            assert_eq!((&again["seq"], &again["id"]), (&json!(seq), &json!(id)));
        }
        let mut socket = who.connect(&room.socket).await;
        socket.send(&self.frame()).await;
        assert_eq!(socket.next_of(&["message.new"]).await["seq"], seqs[0]);
        let page = who.get(&format!("{}?limit=200", room.messages)).await.expect(200).json();
        let rows =
            |id: Uuid| page["items"].as_array().unwrap().iter().filter(|row| row["id"] == id.to_string()).count();
        assert_eq!((rows(self.framed), rows(self.posted)), (1, 1));
    }

    /// Sends the other requests again, checks that each was done, and returns the current tokens.
    async fn post_again(&self, node: &Node, who: &TestUser) -> (String, String) {
        let refreshed = async |token: &Value| -> Response {
            post(node.address, "/v1/users/refresh", &json!({"refresh_token": token})).await.expect(200)
        };
        let lost = &self.refresh["refresh_token"];
        let successors = [refreshed(lost).await.json(), refreshed(lost).await.json()];
        assert_eq!(successors[0]["refresh_token"], successors[1]["refresh_token"], "the same successor");
        let next = refreshed(&successors[0]["refresh_token"]).await.json();

        let taken = post(node.address, "/v1/users/register", &self.account).await;
        assert_eq!(taken.problem(), (409, "username_taken".to_owned()));
        TestUser::login(node.address, self.account["username"].as_str().unwrap()).await;
        who.post("/v1/conversations", &self.pair).await.expect(200);

        let text = |name: &str| next[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }
}

async fn killed_between_commit_and_answer(store: StoreKind) {
    let run = FaultRun::new("killed between commit and answer");
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.register("ada").await, node.register("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let proxy = Proxy::to(node.address);
    let mut client = TestUser { address: proxy.address, ..ada };
    let rounds = run.rounds(1);
    for round in 0..rounds {
        let requests = Requests::new(&node, round, &client).await;
        let (mut hers, mut theirs) = (client.connect(&room.socket).await, grace.connect(&room.socket).await);

        // All requests are committed, and no response arrives.
        let responses_lost = proxy.responses_lost_so_far();
        proxy.set_from_target(Flow::Discard);
        hers.send(&requests.frame()).await;
        let responses = requests.post_all(&client, &room);
        proxy.responses_lost(responses_lost + responses.len() + 1).await;
        let mut seqs = [0, 0];
        while seqs.contains(&0) {
            let received = theirs.next_of(&["message.new"]).await;
            seqs[usize::from(received["message"]["id"] == requests.posted.to_string())] =
                received["seq"].as_i64().unwrap();
        }
        node.kill().await;
        proxy.cut();
        for response in responses {
            assert!(!response.await.unwrap(), "a response arrived");
        }
        node.start().await;
        proxy.set_from_target(Flow::Pass);

        requests.send_again(&client, &room, seqs).await;
        (client.token, client.refresh_token) = requests.post_again(&node, &client).await;
    }
    run.print(format_args!("{store:?}, {rounds} kills: {} responses lost, each repeated", 5 * rounds));
}
