//! The pointer, the fingers and the keys of a user.

use std::panic::Location;
use std::time::Instant;

use serde_json::{Value, json};

use super::Page;
use crate::support::socket::TEST_TIMEOUT;

impl Page {
    /// Clicks in the middle of an element as soon as it does not move, nothing covers it, and it does not take the press for half of a double click.
    /// A press that misses because the element has moved since is tried again. A press on the element of which the page makes no click fails the test.
    #[track_caller]
    pub(crate) fn click<'a>(&'a self, element: &str) -> impl Future<Output = ()> + use<'a> {
        self.click_times(element, 1)
    }

    #[track_caller]
    pub(crate) fn double_click<'a>(&'a self, element: &str) -> impl Future<Output = ()> + use<'a> {
        self.click_times(element, 2)
    }

    #[track_caller]
    fn click_times<'a>(&'a self, element: &str, times: u32) -> impl Future<Output = ()> + use<'a> {
        let (caller, element) = (Location::caller(), element.to_owned());
        async move {
            let deadline = Instant::now() + TEST_TIMEOUT;
            loop {
                let place = self.wait_until(&format!("aimAt({element})"), caller).await;
                for count in 1..=times {
                    for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
                        self.mouse(kind, &place, count).await;
                    }
                }
                match self.evaluate("endOfPress()".to_owned()).await.as_ref().map(Value::as_str) {
                    Ok(Some("missed")) if Instant::now() < deadline => {}
                    Ok(Some(end @ ("missed" | "lost"))) => {
                        let exchanges = self.tools.page_log(&self.session).exchanges;
                        panic!("a press on {element} was {end}, at {caller}\n{exchanges:#?}")
                    }
                    // The click may have left the page.
                    _ => return,
                }
            }
        }
    }

    async fn mouse(&self, kind: &str, place: &Value, count: u32) {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let event = json!({"type": kind, "x": place[0], "y": place[1], "button": button, "clickCount": count});
        self.call("Input.dispatchMouseEvent", event).await;
    }

    /// Presses the mouse button on an element, and returns the place at which `let_go` releases it.
    #[track_caller]
    pub(crate) fn hold_down<'a>(&'a self, element: &str) -> impl Future<Output = Value> + use<'a> {
        let (caller, element) = (Location::caller(), element.to_owned());
        async move {
            let place = self.wait_until(&format!("aimAt({element})"), caller).await;
            self.mouse("mouseMoved", &place, 1).await;
            self.mouse("mousePressed", &place, 1).await;
            place
        }
    }

    /// Releases the mouse button.
    pub(crate) async fn let_go(&self, place: &Value) {
        self.mouse("mouseReleased", place, 1).await;
        assert_eq!(self.eval("endOfPress()").await, "clicked");
    }

    /// Puts a finger on an element, and leaves it there.
    pub(crate) async fn touch(&self, element: &str) {
        self.call("Emulation.setTouchEmulationEnabled", json!({"enabled": true})).await;
        let middle = self
            .eval(&format!(
                "(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])
                    ((({element}).scrollIntoView({{ block: 'center' }}), ({element}).getBoundingClientRect()))"
            ))
            .await;
        let event = json!({"type": "touchStart", "touchPoints": [{"x": middle[0], "y": middle[1]}]});
        self.call("Input.dispatchTouchEvent", event).await;
    }

    /// Takes the finger away.
    pub(crate) async fn lift(&self) {
        self.call("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []})).await;
    }

    /// Turns the mouse wheel over an element.
    pub(crate) async fn wheel(&self, element: &str, pixels: i32) {
        let middle = self
            .eval(&format!(
                "(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])({element}.getBoundingClientRect())"
            ))
            .await;
        let event = json!({"type": "mouseWheel", "x": middle[0], "y": middle[1], "deltaX": 0, "deltaY": pixels});
        self.call("Input.dispatchMouseEvent", event).await;
    }

    /// Replaces the text of a field.
    #[track_caller]
    pub(crate) fn fill<'a>(&'a self, field: &str, text: &str) -> impl Future<Output = ()> + use<'a> {
        let (clicked, select) = (self.click(field), format!("{field}.select()"));
        let text = text.to_owned();
        async move {
            clicked.await;
            self.eval(&select).await;
            self.call("Input.insertText", json!({"text": text})).await;
        }
    }

    /// Presses and releases a key.
    pub(crate) async fn press(&self, key: &str) {
        self.key_down(key).await;
        self.key_up(key).await;
    }

    pub(crate) async fn key_down(&self, key: &str) {
        self.key("keyDown", key).await;
    }

    pub(crate) async fn key_up(&self, key: &str) {
        self.key("keyUp", key).await;
    }

    async fn key(&self, kind: &str, key: &str) {
        let (code, text) = match key {
            " " => (32, " "),
            "Backspace" => (8, ""),
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            _ => panic!("the code of {key} is missing here"),
        };
        let text = if kind == "keyDown" { text } else { "" };
        let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
        self.call("Input.dispatchKeyEvent", event).await;
    }

    /// Presses a letter with Ctrl.
    pub(crate) async fn press_with_ctrl(&self, letter: char) {
        const CTRL: u8 = 2;
        let upper = letter.to_ascii_uppercase();
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({"type": kind, "key": letter, "code": format!("Key{upper}"), "modifiers": CTRL, "windowsVirtualKeyCode": u32::from(upper)});
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }
}
