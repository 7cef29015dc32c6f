//! The icons of the installed page show what their drawings show. They are made by
//!
//! ```sh
//! CHINWAG_PICTURES=target/pictures cargo nextest run -E 'test(browser::icons)' && cp target/pictures/icon-*.png static/
//! ```

use std::path::PathBuf;
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;

use super::visitor::Visitor;
use crate::support::browser::Browser;
use crate::support::server::Server;

/// Of 255, on average over all values of all pixels: browsers draw edges a little differently.
const DIFFERENCE_MAX: f64 = 2.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_icons_show_what_their_drawings_show() {
    let server = Server::start().await;
    let browser = Browser::start().await;
    let page = Visitor::at_login(&browser, server.address).await;
    page.run_statements(
        "const drawn = async (path, size) => {
            const image = new Image(size, size);
            image.src = path;
            await image.decode();
            const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
            canvas.getContext('2d').drawImage(image, 0, 0, size, size);
            return canvas;
        };
        const pixels = (canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const difference = (one, other) => one.reduce((sum, value, at) => sum + Math.abs(value - other[at]), 0) / one.length;",
    )
    .await;
    for (drawing, size, icon) in
        [("icon", 192, "icon-192"), ("icon", 512, "icon-512"), ("icon-maskable", 512, "icon-maskable")]
    {
        let both =
            format!("Promise.all([drawn('/static/{drawing}.svg', {size}), drawn('/static/{icon}.png', {size})])");
        if let Some(folder) = env::var_os("CHINWAG_PICTURES") {
            let picture = page
                .eval(&format!("drawn('/static/{drawing}.svg', {size}).then((canvas) => canvas.toDataURL())"))
                .await;
            let data = picture.as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
            fs::create_dir_all(&folder).unwrap();
            fs::write(PathBuf::from(&folder).join(format!("{icon}.png")), BASE64.decode(data).unwrap()).unwrap();
            continue;
        }
        let apart = page.eval(&format!("{both}.then(([one, other]) => difference(pixels(one), pixels(other)))")).await;
        assert!(apart.as_f64().unwrap() < DIFFERENCE_MAX, "{icon}: {apart}");
    }
}
