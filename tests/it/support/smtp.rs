//! A mail server for tests: real SMTP on a loopback port, behaving as it is told, keeping what it took.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

/// What the server does with whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every mail.
    Accept,
    /// Answers the recipient with this code: 421, 450, 550.
    Answer(u16),
    /// Answers the recipient with this code when the address holds the text, and takes others.
    AnswerTo(&'static str, u16),
    /// Takes half of the message and closes.
    DropInData,
    /// Takes the whole message and closes without an answer: the sender cannot know.
    DropAfterDot,
    /// Greets, then never says another word.
    Stall,
    /// Closes before the greeting.
    Refuse,
}

/// A mail the server has taken.
#[derive(Debug, Clone)]
pub struct Received {
    /// Address of the envelope.
    pub to: String,
    /// The message as sent, dots unstuffed.
    pub data: String,
}

impl Received {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        head.lines()
            .find(|line| line.to_lowercase().starts_with(&prefix))
            .map(|line| line[prefix.len()..].trim().to_owned())
    }

    /// The text part, decoded.
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    fn part(&self, kind: &str) -> String {
        let boundary =
            self.header("Content-Type").unwrap().split("boundary=\"").nth(1).unwrap().trim_end_matches('"').to_owned();
        let (_, after) = self.data.split_once(&format!("Content-Type: {kind}")).unwrap();
        let body = after.split_once("\r\n\r\n").unwrap().1;
        unquote(body.split(&format!("\r\n--{boundary}")).next().unwrap())
    }

    /// The first link in the text that holds this.
    pub fn link(&self, part: &str) -> String {
        self.text().split_whitespace().find(|word| word.contains(part)).unwrap().to_owned()
    }
}

/// Decodes quoted-printable.
fn unquote(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The server. Ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Sink {
    port: u16,
    behaviour: Arc<Mutex<Behaviour>>,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Sink {
    /// Starts one on a port of the kernel's choice.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            behaviour: Arc::new(Mutex::new(behaviour)),
            received: Arc::default(),
            connections: Arc::default(),
        };
        let server = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.connections.fetch_add(1, Ordering::SeqCst);
                let one = server.clone();
                tokio::spawn(async move {
                    let _ = one.talk(stream).await;
                });
            }
        });
        sink
    }

    /// Its address for `STET_SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// Behaves like this from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Everything taken so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn now(&self) -> Behaviour {
        *self.behaviour.lock().unwrap()
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        if self.now() == Behaviour::Refuse {
            return Ok(());
        }
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        say(&mut write, "220 sink.example ESMTP").await?;
        let mut to = String::new();
        while let Some(line) = lines.next_line().await? {
            if self.now() == Behaviour::Stall {
                std::future::pending::<()>().await;
            }
            let verb = line.split([' ', ':']).next().unwrap().to_uppercase();
            match verb.as_str() {
                "EHLO" => say(&mut write, "250-sink.example\r\n250 8BITMIME").await?,
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap().to_owned();
                    match self.now() {
                        Behaviour::Answer(code) => {
                            say(&mut write, &format!("{code} 5.1.1 <{to}>: not now or never")).await?;
                        }
                        Behaviour::AnswerTo(part, code) if to.contains(part) => {
                            say(&mut write, &format!("{code} <{to}> no")).await?;
                        }
                        _ => say(&mut write, "250 ok").await?,
                    }
                }
                "DATA" => {
                    say(&mut write, "354 go on").await?;
                    let mut data = String::new();
                    while let Some(line) = lines.next_line().await? {
                        if line == "." {
                            break;
                        }
                        if self.now() == Behaviour::DropInData && data.len() > 200 {
                            return Ok(());
                        }
                        data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        data.push_str("\r\n");
                    }
                    self.received.lock().unwrap().push(Received { to: to.clone(), data });
                    if self.now() == Behaviour::DropAfterDot {
                        return Ok(());
                    }
                    say(&mut write, "250 taken").await?;
                }
                "QUIT" => {
                    say(&mut write, "221 bye").await?;
                    return Ok(());
                }
                _ => say(&mut write, "250 ok").await?,
            }
        }
        Ok(())
    }
}

async fn say(write: &mut OwnedWriteHalf, line: &str) -> std::io::Result<()> {
    write.write_all(line.as_bytes()).await?;
    write.write_all(b"\r\n").await
}
