//! Runs the demo, so that it keeps working.

#[path = "../demo/play.rs"]
mod play;
#[path = "../demo/stage.rs"]
mod stage;

use stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_goes_as_it_should() {
    let mut transcript = Vec::new();
    let mut stage = Stage::new(&mut transcript, false);
    play::play(&mut stage).await;
    let well = stage.all_is_well();
    let transcript = String::from_utf8(transcript).unwrap();
    assert!(well, "{transcript}");
    assert!(!transcript.contains('\x1b'), "no colours unless they are asked for");
    let widest = transcript.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "it fits a terminal: {transcript}");
    assert!((50..=90).contains(&transcript.lines().count()), "it is read in a minute: {transcript}");
}
