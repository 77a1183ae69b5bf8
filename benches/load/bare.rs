//! The ceiling: the same bytes with the same headers from a handler that does nothing else, in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;

use crate::drive::Answer;

/// Set by the server itself for every answer.
const OWN: [&str; 4] = ["content-length", "date", "connection", "transfer-encoding"];

/// Writes down what the bare handler will serve: a page, and the answer to somebody who has it.
pub fn keep(folder: &Path, page: &Answer, known: &Answer) {
    for (name, answer) in [("page", page), ("known", known)] {
        let lines: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| !OWN.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        fs::write(folder.join(format!("{name}.headers")), lines.join("\n")).unwrap();
    }
    fs::write(folder.join("page.body"), &page.body).unwrap();
}

#[derive(Clone)]
struct Kept {
    page: Vec<(HeaderName, HeaderValue)>,
    known: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Serves what was written down, until killed; tells its port.
pub fn serve(folder: &Path) -> std::io::Result<()> {
    let headers = |name: &str| -> Vec<(HeaderName, HeaderValue)> {
        let text = fs::read_to_string(folder.join(format!("{name}.headers"))).unwrap();
        text.lines()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    };
    let kept =
        Kept { page: headers("page"), known: headers("known"), body: fs::read(folder.join("page.body"))?.into() };
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(kept.clone()))
                .service(web::resource("/page").route(web::get().to(page)))
                .service(web::resource("/known").route(web::get().to(known)))
        })
        .workers(std::thread::available_parallelism().map_or(2, usize::from))
        .tcp_nodelay(true)
        .backlog(2_048)
        .bind("127.0.0.1:0")?;
        println!("{}", server.addrs()[0]);
        server.run().await
    })
}

async fn page(kept: web::Data<Kept>) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::OK);
    for header in &kept.page {
        response.insert_header(header.clone());
    }
    response.body(kept.body.clone())
}

async fn known(kept: web::Data<Kept>) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::NOT_MODIFIED);
    for header in &kept.known {
        response.insert_header(header.clone());
    }
    response.finish()
}

/// The bare handler's process.
pub struct Bare {
    child: Child,
    address: String,
}

impl Bare {
    /// Starts this very program once more, to serve what is in the folder.
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("bare")
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
