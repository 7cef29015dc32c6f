//! Searching users by the words of their names.

use chinwag::domain::UserId;
use chinwag::domain::search::{Query, WORDS_VERSION};
use chinwag::domain::user::Name;
use chinwag::limits::{SEARCH_CANDIDATES_MAX, SEARCH_USERS_MAX};
use chinwag::store::{UserPage, search_users};

use super::{Fixture, refused};
use crate::store::users::{find, usernames};
use crate::support::postgres::connect;

conformance!(
    every_word_of_name_and_username_finds_a_user,
    case_accents_and_forms_do_not_matter,
    wildcards_are_characters_like_others,
    a_taken_username_leaves_no_words,
    a_renamed_user_is_found_by_the_new_name_alone,
    renames_at_once_leave_the_words_of_one_name,
    users_without_words_get_them_in_batches,
    a_name_changed_by_an_older_node_is_found_again,
    words_of_a_newer_version_stay,
    a_common_word_reads_a_bounded_number_of_users,
    a_rare_word_beside_common_ones_is_found_at_once,
);

/// Runs SQL that no method of a store has.
async fn execute(store: &Fixture, sql: &str) {
    match store.url.strip_prefix("sqlite:") {
        Some(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
        None => connect(&store.url).await.batch_execute(sql).await.unwrap(),
    }
}

async fn insert(store: &Fixture, users: &[(&str, &str)]) {
    for (username, name) in users {
        store.insert_user(&store.new_user(username, name), "hash").await.unwrap();
    }
}

async fn every_word_of_name_and_username_finds_a_user(store: &Fixture) {
    insert(
        store,
        &[
            ("grace", "Grace Hopper"),
            ("amazing.grace", "Somebody"),
            ("Ada", "Countess of Lovelace"),
            ("jl", "Jean-Luc (Bob) O'Brien"),
            ("zoe", "Adaline"),
        ],
    )
    .await;
    for (q, expected) in [
        ("Hopper", &["grace"][..]),
        ("hop", &["grace"]),
        ("@grace", &["grace"]),
        ("@GRA hop", &["grace"]),
        ("grace hop", &["grace"]),
        ("hop  grace", &["grace"]),
        ("grace", &["amazing.grace", "grace"]),
        ("@amazing", &["amazing.grace"]),
        ("ada", &["Ada", "zoe"]),
        ("@ada", &["Ada"]),
        ("love of", &["Ada"]),
        ("luc", &["jl"]),
        ("jean-l", &["jl"]),
        ("bob", &["jl"]),
        ("brien", &["jl"]),
        ("opper", &[]),
        ("grace hopping", &[]),
        ("grace nobody", &[]),
        ("@hopper", &[]),
        ("@ada @grace", &[]),
        ("@", &["Ada", "amazing.grace", "grace", "jl", "zoe"]),
        (" ", &["Ada", "amazing.grace", "grace", "jl", "zoe"]),
    ] {
        assert_eq!(find(store, q).await, expected, "{q}");
    }
}

async fn case_accents_and_forms_do_not_matter(store: &Fixture) {
    insert(
        store,
        &[
            ("u1", "ΟΔΥΣΣΕΑΣ"),
            ("u2", "İstanbul"),
            ("u3", "Straße"),
            ("u4", "Élodie"),
            ("u5", "E\u{301}lodie"),
            ("u6", "Ａｄａ"),
        ],
    )
    .await;
    for (q, expected) in [
        ("ΟΔΥΣ", &["u1"][..]),
        ("οδυς", &["u1"]),
        ("οδυσσέας", &["u1"]),
        ("istanbul", &["u2"]),
        ("İST", &["u2"]),
        ("STRASSE", &["u3"]),
        ("straß", &["u3"]),
        ("elodie", &["u4", "u5"]),
        ("É", &["u4", "u5"]),
        ("e\u{301}L", &["u4", "u5"]),
        ("ada", &["u6"]),
    ] {
        assert_eq!(find(store, q).await, expected, "{q}");
    }
}

async fn wildcards_are_characters_like_others(store: &Fixture) {
    insert(store, &[("a_b", "one"), ("axb", "two"), ("per", "50% more"), ("pes", "50 more"), ("que", "a*?[b]\\")])
        .await;
    assert_eq!(find(store, "a_").await, ["a_b"]);
    assert_eq!(find(store, "50%").await, ["per"]);
    assert_eq!(find(store, "a*").await, ["que"]);
    assert_eq!(find(store, "a*?[b]\\").await, ["que"]);
    for pattern in ["%", "_", "*", "?", "[a-z]", "\\", "'", "\"; --"] {
        assert_eq!(find(store, pattern).await, Vec::<String>::new(), "{pattern}");
    }
}

async fn a_taken_username_leaves_no_words(store: &Fixture) {
    insert(store, &[("ada", "Ada")]).await;
    let taken = store.insert_user(&store.new_user("ADA", "Countess"), "hash").await;
    assert_eq!(refused(taken), chinwag::domain::Code::UsernameTaken);
    assert_eq!(store.count("SELECT count(*) FROM user_words").await, 1);
}

async fn a_renamed_user_is_found_by_the_new_name_alone(store: &Fixture) {
    let ada = store.new_user("ada", "Augusta King");
    store.insert_user(&ada, "hash").await.unwrap();
    store.rename_user(ada.id, &Name::parse("Lady Lovelace").unwrap()).await.unwrap();
    for (q, is_found) in [("lady", true), ("love", true), ("ada", true), ("augusta", false), ("king", false)] {
        assert_eq!(find(store, q).await.len(), usize::from(is_found), "{q}");
    }
    store.rename_user(UserId::new(), &Name::parse("Nobody").unwrap()).await.unwrap();
    assert_eq!(store.count("SELECT count(*) FROM user_words").await, 3, "ada, lady, lovelace");
}

async fn renames_at_once_leave_the_words_of_one_name(store: &Fixture) {
    let (ada, another) = (store.register("ada").await, store.another().await);
    for round in 0..10 {
        let renames: Vec<_> = (0..8)
            .map(|number| {
                let adapter = if number % 2 == 0 { another.clone() } else { store.store.clone() };
                let name = Name::parse(&format!("r{round} n{number}")).unwrap();
                tokio::spawn(async move { adapter.rename_user(ada, &name).await })
            })
            .collect();
        for rename in renames {
            rename.await.unwrap().unwrap();
        }
        let name = store.user(ada).await.unwrap().unwrap().name.as_str().to_owned();
        assert_eq!(find(store, &name).await, ["ada"]);
        assert_eq!(store.count("SELECT count(*) FROM user_words").await, 3, "of {name} alone");
    }
    assert_eq!(store.rewrite_user_words(WORDS_VERSION, 10).await, Ok(0));
}

/// A database that was migrated from before there were words.
async fn without_words(store: &Fixture, users: usize) {
    for number in 0..users {
        insert(store, &[(&format!("user{number}"), &format!("Name{number} Élan"))]).await;
    }
    execute(store, "DELETE FROM user_words; UPDATE users SET words_name = NULL, words_version = NULL").await;
    assert_eq!(find(store, "elan").await, Vec::<String>::new());
}

async fn users_without_words_get_them_in_batches(store: &Fixture) {
    without_words(store, 25).await;
    assert_eq!(store.rewrite_user_words(1, 10).await, Ok(10));
    assert_eq!(find(store, "elan").await.len(), 10, "each batch is committed");
    // Another process, or the same one after a restart, goes on.
    assert_eq!(store.another().await.rewrite_user_words(1, 10).await, Ok(10));
    assert_eq!(store.rewrite_user_words(1, 10).await, Ok(5));
    assert_eq!(store.rewrite_user_words(1, 10).await, Ok(0));
    assert_eq!(find(store, "elan").await.len(), 25);
    assert_eq!(find(store, "name7").await, ["user7"]);
    assert_eq!(store.rewrite_user_words(WORDS_VERSION, 10).await, Ok(0), "they are this version's");
    assert_eq!(store.rewrite_user_words(WORDS_VERSION + 1, 30).await, Ok(25), "a later version rewrites them");
    assert_eq!(find(store, "elan").await.len(), 25);
}

async fn a_name_changed_by_an_older_node_is_found_again(store: &Fixture) {
    insert(store, &[("ada", "Augusta"), ("grace", "Grace")]).await;
    execute(store, "UPDATE users SET name = 'Lady Lovelace', name_key = 'lady lovelace' WHERE username = 'ada'").await;
    assert_eq!(store.rewrite_user_words(WORDS_VERSION, 10).await, Ok(1));
    assert_eq!(store.rewrite_user_words(WORDS_VERSION, 10).await, Ok(0));
    assert_eq!(find(store, "lovelace").await, ["ada"]);
    assert_eq!(find(store, "augusta").await, Vec::<String>::new());
}

async fn words_of_a_newer_version_stay(store: &Fixture) {
    insert(store, &[("ada", "Ada")]).await;
    execute(store, &format!("UPDATE users SET words_version = {}", WORDS_VERSION + 1)).await;
    execute(store, "UPDATE user_words SET word = 'newer' WHERE word = 'ada'").await;
    assert_eq!(store.rewrite_user_words(WORDS_VERSION, 10).await, Ok(0));
    assert_eq!(store.count("SELECT count(*) FROM user_words WHERE word = 'newer'").await, 1);
}

/// Inserts as many users as make a word common, with the usernames `a…`, and as many others, without a word each.
async fn a_crowd(store: &Fixture) -> i64 {
    let crowd = i64::try_from(SEARCH_USERS_MAX).unwrap() + 500;
    let (id, number) = if store.url.starts_with("sqlite:") {
        ("randomblob(16)", "printf('%06d', n)")
    } else {
        ("gen_random_uuid()", "lpad(n::text, 6, '0')")
    };
    let time = if store.url.starts_with("sqlite:") { "0" } else { "now()" };
    execute(
        store,
        &format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {crowd} - 1)
             INSERT INTO users (id, username, username_key, name, name_key, password_hash, created_at)
             SELECT {id}, 'a' || {number}, 'a' || {number}, 'Many Others', 'many others', 'hash', {time} FROM numbers;"
        ),
    )
    .await;
    while store.rewrite_user_words(1, 1_000).await.unwrap() > 0 {}
    crowd
}

async fn a_common_word_reads_a_bounded_number_of_users(store: &Fixture) {
    let crowd = usize::try_from(a_crowd(store).await).unwrap();
    assert!(crowd > SEARCH_CANDIDATES_MAX);
    insert(store, &[("zed", "Zed Many Things")]).await;
    // Matches are among the first: one page, and no more than asked for.
    let search = async |q: &str, after: Option<&str>, limit| {
        let query = Query::parse(q).unwrap();
        search_users(&*store.store, query.as_ref(), after, limit).await.unwrap()
    };
    let UserPage { users, next } = search("many", None, 2).await;
    assert_eq!((usernames(&users), next.as_deref()), (vec!["a000000", "a000001"], Some("a000001")));
    // Both words are common, and nobody has both but one at the end. A page ends early, and the next one goes on there.
    execute(
        store,
        "INSERT INTO user_words SELECT 'things', user_id FROM user_words WHERE word = 'many' AND user_id NOT IN
        (SELECT user_id FROM user_words WHERE word = 'zed')",
    )
    .await;
    let first = search("things many", None, 50).await;
    assert_eq!(first.users, []);
    let next = first.next.unwrap();
    assert!(next < format!("a{:06}", SEARCH_USERS_MAX + 100), "{next}");
    let last = search("things many", Some(&next), 50).await;
    assert_eq!((usernames(&last.users), last.next), (vec!["zed"], None));
    // A walk begins and ends with the usernames that match.
    let UserPage { users, next } = search("@zed many", None, 50).await;
    assert_eq!((usernames(&users), next), (vec!["zed"], None));
    assert_eq!(search("@b many", None, 50).await, UserPage { users: vec![], next: None });
}

async fn a_rare_word_beside_common_ones_is_found_at_once(store: &Fixture) {
    a_crowd(store).await;
    insert(store, &[("zed", "Bo Many Things"), ("yan", "Bo Others")]).await;
    for (q, expected) in [("many bo", &["zed"][..]), ("bo", &["yan", "zed"]), ("many others bo", &[])] {
        let query = Query::parse(q).unwrap();
        let page = search_users(&*store.store, query.as_ref(), None, 50).await.unwrap();
        assert_eq!((usernames(&page.users), page.next), (expected.to_vec(), None), "{q}");
    }
}
