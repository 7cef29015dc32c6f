//! Killed between commit and answer: whoever asks again gets what the first try came to.

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::chance::Run;
use crate::support::client::{Answer, Conversation, PASSWORD, Person, post};
use crate::support::node::Node;
use crate::support::proxy::{Flow, Proxy};
use crate::support::server::StoreKind;

on_each_store! {
    killed_between_commit_and_answer,
}

/// What somebody asks for, once and again.
struct Wishes {
    framed: Uuid,
    posted: Uuid,
    refresh: Value,
    account: Value,
    pair: Value,
}

impl Wishes {
    async fn new(node: &Node, round: usize, who: &Person) -> Self {
        let other = node.person(&format!("other-{round}")).await;
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

    /// All that is asked over REST; says whether there was an answer.
    fn ask(&self, who: &Person, room: &Conversation) -> [JoinHandle<bool>; 4] {
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

    /// The sends, asked for again, are where they were, once.
    async fn send_again(&self, who: &Person, room: &Conversation, seqs: [i64; 2]) {
        for (id, seq, content) in [(self.framed, seqs[0], "framed"), (self.posted, seqs[1], "posted")] {
            let body = json!({"id": id, "content": content});
            let again = who.post(&room.messages, &body).await.expect(200).json();
            assert_eq!((&again["seq"], &again["id"]), (&json!(seq), &json!(id)));
        }
        let mut socket = who.listen(&room.socket).await;
        socket.send(&self.frame()).await;
        assert_eq!(socket.next_of(&["message.new"]).await["seq"], seqs[0]);
        let page = who.get(&format!("{}?limit=200", room.messages)).await.expect(200).json();
        let rows =
            |id: Uuid| page["items"].as_array().unwrap().iter().filter(|row| row["id"] == id.to_string()).count();
        assert_eq!((rows(self.framed), rows(self.posted)), (1, 1));
    }

    /// The rest, asked for again, is there as well; returns the tokens to go on with.
    async fn ask_again(&self, node: &Node, who: &Person) -> (String, String) {
        let refreshed = async |token: &Value| -> Answer {
            post(node.address, "/v1/users/refresh", &json!({"refresh_token": token})).await.expect(200)
        };
        let lost = &self.refresh["refresh_token"];
        let successors = [refreshed(lost).await.json(), refreshed(lost).await.json()];
        assert_eq!(successors[0]["refresh_token"], successors[1]["refresh_token"], "the same successor");
        let next = refreshed(&successors[0]["refresh_token"]).await.json();

        let taken = post(node.address, "/v1/users/register", &self.account).await;
        assert_eq!(taken.problem(), (409, "username_taken".to_owned()));
        Person::login(node.address, self.account["username"].as_str().unwrap()).await;
        who.post("/v1/conversations", &self.pair).await.expect(200);

        let text = |name: &str| next[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }
}

async fn killed_between_commit_and_answer(store: StoreKind) {
    let run = Run::new("killed between commit and answer");
    let mut node = Node::on(store).await;
    node.start().await;
    let (ada, grace) = (node.person("ada").await, node.person("grace").await);
    let room = ada.group("Lunch", &[&grace]).await;
    let proxy = Proxy::to(node.address);
    let mut far = Person { address: proxy.address, ..ada };
    let rounds = run.rounds(1);
    for round in 0..rounds {
        let wishes = Wishes::new(&node, round, &far).await;
        let (mut hers, mut theirs) = (far.listen(&room.socket).await, grace.listen(&room.socket).await);

        // Everything is done and nobody is told.
        let robbed = proxy.robbed_so_far();
        proxy.back(Flow::Swallow);
        hers.send(&wishes.frame()).await;
        let answers = wishes.ask(&far, &room);
        proxy.robbed(robbed + answers.len() + 1).await;
        let mut seqs = [0, 0];
        while seqs.contains(&0) {
            let heard = theirs.next_of(&["message.new"]).await;
            seqs[usize::from(heard["message"]["id"] == wishes.posted.to_string())] = heard["seq"].as_i64().unwrap();
        }
        node.kill().await;
        proxy.cut();
        for answer in answers {
            assert!(!answer.await.unwrap(), "no answer came through");
        }
        node.start().await;
        proxy.back(Flow::Pass);

        wishes.send_again(&far, &room, seqs).await;
        (far.token, far.refresh_token) = wishes.ask_again(&node, &far).await;
    }
    run.tell(format_args!("{store:?}, {rounds} kills: {} answers lost, each given again", 5 * rounds));
}
