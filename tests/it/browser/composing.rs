//! Writing a message: keys, emoji, mentions, and what is not text.

use serde_json::json;

use super::direct_chat::DirectChat;
use super::visitor::{Visitor, message};
use crate::support::browser::Browser;
use crate::support::server::Server;

fn sends(page: &Visitor) -> usize {
    page.frames_sent().iter().filter(|frame| frame.contains("message.send")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_phone_enter_makes_a_line_and_the_button_sends() {
    let server = Server::start().await;
    let (ada, grace) = (server.register("ada").await, server.register("grace").await);
    let room = ada.direct(&grace).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, server.address, "ada").await;
    assert_eq!(page.eval("one('composer').enterKeyHint").await, "send");
    page.emulate_touch().await;
    page.emulate(390, 844, "light").await;
    page.until("one('composer').enterKeyHint === 'enter'").await;
    page.open("Grace").await;
    page.fill("one('composer')", "one").await;
    page.press("Enter").await;
    page.until("one('composer').value === 'one\\n'").await;
    assert_eq!(sends(&page), 0);
    page.click("one('send')").await;
    page.until(&format!("{}.dataset.state === 'sent'", message("one"))).await;
    let history = ada.get(&room.messages).await.expect(200).json();
    assert_eq!(history["items"][0]["content"], "one");
    assert_eq!(
        page.eval("[one('composer').dir, document.activeElement === one('composer')]").await,
        json!(["auto", true])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_an_input_method_sends_nothing() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    page.fill("one('composer')", "にほんご").await;
    for more in ["keyCode: 229", "isComposing: true"] {
        let key = format!(
            "one('composer').dispatchEvent(new KeyboardEvent('keydown', {{ key: 'Enter', {more}, bubbles: true, cancelable: true }}))"
        );
        assert_eq!(page.eval(&key).await, true, "the key is the input method's");
    }
    assert_eq!(page.eval("one('composer').value").await, "にほんご");
    page.press("Enter").await;
    page.sees(&["にほんご"]).await;
    assert_eq!(sends(page), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_refused_in_words_and_does_not_replace_the_page() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    let files = "const files = new DataTransfer(); files.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
        const given = { bubbles: true, cancelable: true };";
    for (event, on) in [
        ("new ClipboardEvent('paste', { ...given, clipboardData: files })", "one('composer')"),
        ("new DragEvent('drop', { ...given, dataTransfer: files })", "document.getElementById('messages')"),
    ] {
        page.fill("one('composer')", "some text").await;
        page.until("one('composer-note').textContent === ''").await;
        let is_left_to_browser =
            page.eval(&format!("(() => {{ {files} return {on}.dispatchEvent({event}); }})()")).await;
        assert_eq!(is_left_to_browser, false, "{event}");
        page.until("one('composer-note').textContent.startsWith('Files cannot be sent yet.')").await;
        assert_eq!(page.eval("one('composer').value").await, "some text");
    }
    // Text with a picture beside it, as spreadsheets copy it, is text.
    let both = format!(
        "(() => {{ {files} files.setData('text/plain', 'cells');
            return one('composer').dispatchEvent(new ClipboardEvent('paste', {{ ...given, clipboardData: files }})); }})()"
    );
    assert_eq!(page.eval(&both).await, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_are_completed_while_they_are_typed() {
    let server = Server::start().await;
    let (ada, grace, graham) =
        (server.register("ada").await, server.register("grace").await, server.register("graham").await);
    let ines = server.register("ines").await;
    ines.patch("/v1/users/me", &json!({"name": "Inês de Castro"})).await.expect(200);
    let stranger = server.register("gregor").await;
    stranger.direct(&ada).await;
    ada.group("Lunch", &[&grace, &graham, &ines]).await;
    let browser = Browser::start().await;
    let (page, theirs) = tokio::join!(
        Visitor::log_in(&browser, server.address, "ada"),
        Visitor::log_in(&browser, server.address, "graham")
    );
    page.open("Lunch").await;
    let options = "all('mention-option').map((option) => option.dataset.username).join()";
    page.fill("one('composer')", "lunch, @gr").await;
    page.until(&format!("seen(one('mention-list')) && {options} === 'grace,graham'")).await;
    let marked = "document.getElementById(one('composer').getAttribute('aria-activedescendant'))";
    assert_eq!(
        page.eval(&format!("[one('composer').ariaHasPopup, {marked}.dataset.username, {marked}.ariaSelected]")).await,
        json!(["listbox", "grace", "true"])
    );
    page.press("ArrowDown").await;
    page.until(&format!("{marked}.dataset.username === 'graham'")).await;
    page.press("Enter").await;
    page.until("one('composer').value === 'lunch, @graham ' && !seen(one('mention-list'))").await;
    assert_eq!(page.eval("one('composer').hasAttribute('aria-activedescendant')").await, false);
    assert_eq!(sends(&page), 0, "Enter took the name, and sent nothing");

    // By a word of a name, whatever its accents, and with the pointer.
    page.fill("one('composer')", "@cas").await;
    page.until(&format!("{options} === 'ines'")).await;
    page.click("one('mention-option')").await;
    page.until("one('composer').value === '@ines ' && document.activeElement === one('composer')").await;
    // Escape closes the list alone, and Enter sends again.
    page.fill("one('composer')", "@graham or @gra").await;
    page.until("seen(one('mention-list'))").await;
    page.press("Escape").await;
    page.until("!seen(one('mention-list'))").await;
    // A whole name needs no completion, an address in a mail and nobody have none.
    for text in ["a@gr", "@zz", "@ines", "@ "] {
        page.fill("one('composer')", text).await;
        page.until(&format!("one('composer').value === {} && !seen(one('mention-list'))", json!(text))).await;
    }
    page.send("hello @graham").await;
    theirs.open("Lunch").await;
    theirs.until("one('mention', '.me')?.textContent === '@graham'").await;

    page.emulate(320, 568, "dark").await;
    page.fill("one('composer')", "@g").await;
    page.until("all('mention-option').length === 2").await;
    page.until(
        "(({ left, right, top }) => left >= 0 && right <= innerWidth && top >= 0)(one('mention-list').getBoundingClientRect())",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emoji_is_found_with_the_keyboard_and_is_the_first_next_time() {
    let chat = DirectChat::open().await;
    let DirectChat { page, .. } = &chat;
    let is_loaded = "performance.getEntriesByType('resource').some(({ name }) => name.includes('emoji-data'))";
    assert_eq!(page.eval(is_loaded).await, false, "the list is loaded when it is needed");
    page.fill("one('composer')", "Hi ").await;
    page.click("one('emoji-open')").await;
    page.until("document.activeElement === one('emoji-search') && all('emoji').length > 1800").await;
    assert_eq!(page.eval(is_loaded).await, true);
    page.fill("one('emoji-search')", "red heart").await;
    page.until("one('emoji').ariaLabel === 'red heart'").await;
    page.press("ArrowDown").await;
    page.until("document.activeElement === one('emoji')").await;
    page.press("Enter").await;
    page.until(
        "!one('emoji-dialog') && one('composer').value === 'Hi ❤️' && document.activeElement === one('composer')",
    )
    .await;
    page.press("Enter").await;
    page.sees(&["Hi ❤️"]).await;

    // Arrow keys go through the grid by its rows, and Escape picks nothing.
    page.click("one('emoji-open')").await;
    page.until("one('emoji', '[data-glyph]')?.closest('[data-title]').dataset.title === 'Recent'").await;
    assert_eq!(page.eval("one('emoji').dataset.glyph").await, "❤️");
    page.press("ArrowDown").await;
    page.press("ArrowDown").await;
    page.until("document.activeElement.ariaLabel === 'grinning face'").await;
    page.press("ArrowRight").await;
    page.until("document.activeElement === all('emoji')[2]").await;
    page.press("ArrowUp").await;
    page.press("ArrowUp").await;
    page.until("document.activeElement === one('emoji-search')").await;
    page.press("Escape").await;
    page.until("!one('emoji-dialog') && one('composer').value === ''").await;

    // A skin tone stays, and goes to those that have one.
    page.click("one('emoji-open')").await;
    page.until("one('emoji-tone')").await;
    page.eval("one('emoji-tone').value = '🏽'; one('emoji-tone').dispatchEvent(new Event('change'))").await;
    page.fill("one('emoji-search')", "thumbs up").await;
    page.until("one('emoji').textContent === '👍🏽'").await;
    page.press("Enter").await;
    page.until("one('composer').value === '👍🏽'").await;

    for (width, height) in [(320, 568), (1440, 900)] {
        page.emulate(width, height, "dark").await;
        page.click("one('emoji-open')").await;
        page.until(
            "(({ left, right, top, bottom }) => left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight)
                (one('emoji-dialog').getBoundingClientRect()) && all('emoji').length > 1800",
        )
        .await;
        page.fill("one('emoji-search')", "no such thing").await;
        page.until("seen(one('emoji-none'))").await;
        page.press("Escape").await;
        page.press("Escape").await;
        page.until("!one('emoji-dialog')").await;
    }

    // A logout leaves nothing.
    page.fill("one('composer')", "").await;
    page.click("one('me-menu')").await;
    page.click("one('logout')").await;
    page.until("seen(one('auth-submit'))").await;
    assert_eq!(page.eval("localStorage.length + sessionStorage.length").await, 0);
}
