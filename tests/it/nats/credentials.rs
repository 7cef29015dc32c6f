//! Files of credentials.

use tokio::task::block_in_place;

use crate::process::refused;

/// Starts a server with a file of this content, and returns why it does not start.
fn refusal(content: &str, url: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("node.creds"));
    std::fs::write(&file, content).unwrap();
    let environment = [("NATS_URL", url), ("NATS_CREDENTIALS_FILE", file.to_str().unwrap())];
    let error = block_in_place(|| refused(&["--data", data.to_str().unwrap()], &environment));
    assert!(error.starts_with("chinwag: NATS_CREDENTIALS_FILE (--nats-credentials-file) "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[cfg(not(feature = "nats-credentials"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_without_the_feature_says_so() {
    let error = refusal("", "nats://localhost");
    assert!(error.contains("built with the feature nats-credentials"), "{error}");
}

#[cfg(feature = "nats-credentials")]
mod with_the_feature {
    use super::refusal;
    use crate::nats::nodes::{hear_each_other, nodes_with};
    use crate::support::nats::Nats;
    use crate::support::nats_accounts::Accounts;
    use crate::support::node::Node;

    /// Starts nodes that log in to a server as a new user of these accounts.
    async fn nodes(nats: &Nats, accounts: &Accounts) -> [Node; 2] {
        let file = nats.folder().join("node.creds");
        std::fs::write(&file, accounts.credentials()).unwrap();
        nodes_with(&["--nats-url", &nats.url(""), "--nats-credentials-file", file.to_str().unwrap()]).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nodes_log_in_as_users_of_an_account() {
        let accounts = Accounts::new();
        let nats = Nats::with(&accounts.settings()).await;
        hear_each_other(&nodes(&nats, &accounts).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_user_of_another_account_is_named_and_the_node_serves() {
        let nats = Nats::with(&Accounts::new().settings()).await;
        let [one, _two] = nodes(&nats, &Accounts::new()).await;
        one.has_logged("NATS does not serve this node", 1).await;
        let (ada, grace) = (one.register("ada").await, one.register("grace").await);
        ada.send(&ada.direct(&grace).await, "hello").await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_bad_file_is_refused_in_one_line() {
        let good = Accounts::new().credentials();
        let (jwt, seed) = good.split_once("\n\n").unwrap();
        let altered = good.replacen("\nSU", "\nSV", 1);
        let secret = &good[good.find("\nSU").unwrap() + 3..][..20];
        for content in ["", "hunter2", jwt, seed, &altered, &"x".repeat(100_000)] {
            let error = refusal(content, "nats://localhost");
            assert!(error.contains(" takes a file with the JWT of a user and its seed (.creds): "), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(secret), "{error}");
        }
        let error = refusal(&good, "nats://hunter2@localhost");
        assert!(error.contains(" takes the place of the user or token of NATS_URL"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
