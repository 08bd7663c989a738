//! The websocket at its door.

mod support;

use std::{collections::BTreeSet, time::Duration};

use amend_domain::{BatchSize, Caller, Door, LiveMessage, Mode, Numbered, Role, RuleSlug, RunId, RunOptions, RunState};
use amend_engine::{Engine, EngineParts};
use amend_server::open::{Missing, open};
use futures::{SinkExt, StreamExt};
use reqwest::{Method, header};
use support::Site;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

on_both!(
    a_run_is_seen_to_move,
    a_run_of_another_process_is_seen_as_well,
    strangers_and_other_sites_are_refused,
    signing_out_closes_the_socket,
    a_client_that_comes_back_is_told_what_it_missed,
    a_server_that_stops_says_so,
);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(site: &Site, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{}/live", site.addr).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

async fn with_token(site: &Site) -> Socket {
    let token = format!("Bearer {}", site.token(Role::Viewer).await);
    connect(site, &[("authorization", &token)]).await.unwrap()
}

/// The next message; `None` when the socket is closed.
async fn next(socket: &mut Socket) -> Option<Numbered> {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("silence");
        match message {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

fn operator() -> Caller {
    Caller { name: "test".into(), role: Role::Operator, door: Door::System }
}

/// Many small chunks, so that there is something to see.
fn small_steps() -> RunOptions {
    RunOptions { mode: Mode::Overwrite, batch_size: BatchSize::Fixed(5), ..RunOptions::default() }
}

async fn start(engine: &Engine) -> RunId {
    let slug = RuleSlug::default_rule();
    engine.start_run(&operator(), &slug, small_steps(), None).await.unwrap().run_id
}

/// Listens until the run is over; gives the distinct values of progress, in tenths of a percent.
async fn watch(socket: &mut Socket, id: &RunId) -> BTreeSet<i64> {
    let mut seen = BTreeSet::new();
    let mut last = 0;
    while let Some(Numbered { seq, message }) = next(socket).await {
        assert!(seq >= last, "{seq} came after {last}");
        last = seq;
        let LiveMessage::Run { run } = message else { continue };
        if run.run_id != *id {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, reason = "0 to 1000")]
        seen.insert((run.progress() * 10.0) as i64);
        if run.state.is_over() {
            assert_eq!(run.state, RunState::Succeeded, "{:?}", run.error);
            return seen;
        }
    }
    panic!("the socket was closed before the run was over; seen: {seen:?}");
}

async fn a_run_is_seen_to_move(site: &Site) {
    let mut socket = with_token(site).await;
    let hello = next(&mut socket).await.unwrap();
    assert!(matches!(hello.message, LiveMessage::Hello { runs, .. } if runs.is_empty()));
    let id = start(&site.engine).await;
    let seen = watch(&mut socket, &id).await;
    assert!(seen.len() >= 5, "{seen:?}");
    assert!(seen.contains(&1_000), "{seen:?}");
    // The analysis after the run is told as well.
    let quality = loop {
        match next(&mut socket).await.unwrap().message {
            LiveMessage::Quality { snapshot, .. } => break Some(snapshot),
            LiveMessage::Tick { .. } => break None,
            _ => {}
        }
    };
    // It may have come while the run was watched.
    if let Some(snapshot) = quality {
        assert_eq!(snapshot.score, 70.0);
    }
}

async fn a_run_of_another_process_is_seen_as_well(site: &Site) {
    let mut socket = with_token(site).await;
    next(&mut socket).await.unwrap();
    // An engine with a store of its own is what another process has; it shares nothing but the
    // database.
    let store = open(&site.backend.url(), Missing::Refuse).await.unwrap();
    let other = Engine::new(EngineParts::system(store));
    let id = start(&other).await;
    let seen = watch(&mut socket, &id).await;
    assert!(seen.len() >= 2, "{seen:?}");
}

async fn strangers_and_other_sites_are_refused(site: &Site) {
    let status = |outcome: Result<Socket, Error>| match outcome {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => 101,
    };
    assert_eq!(status(connect(site, &[]).await), 401);
    assert_eq!(status(connect(site, &[("authorization", "Bearer amd_wrong")]).await), 401);
    let cookie = site.cookie("ada", Role::Viewer).await;
    assert_eq!(status(connect(site, &[("cookie", &cookie)]).await), 403);
    assert_eq!(status(connect(site, &[("cookie", &cookie), ("origin", "https://evil.example")]).await), 403);
    assert_eq!(status(connect(site, &[("cookie", &cookie), ("origin", &site.origin())]).await), 101);
}

async fn signing_out_closes_the_socket(site: &Site) {
    let cookie = site.cookie("ada", Role::Viewer).await;
    let mut socket = connect(site, &[("cookie", &cookie), ("origin", &site.origin())]).await.unwrap();
    next(&mut socket).await.unwrap();
    let out = site.request(Method::POST, "/auth/sign-out").header(header::ORIGIN, site.origin());
    assert_eq!(site.send(out.header(header::COOKIE, &cookie)).await.status, 303);
    let farewell = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.expect("it stayed open");
    match farewell {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Policy),
        other => panic!("{other:?}"),
    }
}

async fn a_client_that_comes_back_is_told_what_it_missed(site: &Site) {
    let mut socket = with_token(site).await;
    let hello = next(&mut socket).await.unwrap();
    socket.close(None).await.unwrap();
    let id = start(&site.engine).await;
    site.engine.wait(&id, None).await.unwrap();
    let mut socket = with_token(site).await;
    next(&mut socket).await.unwrap();
    socket.send(Message::text(format!("{{\"after\":{}}}", hello.seq))).await.unwrap();
    let missed = loop {
        match next(&mut socket).await.unwrap().message {
            // The store knows of the end a moment before the clients do.
            LiveMessage::Run { run } if run.state.is_over() => break run,
            LiveMessage::Tick { .. } => panic!("it was not told"),
            _ => {}
        }
    };
    assert_eq!((missed.run_id, missed.state), (id, RunState::Succeeded));
}

async fn a_server_that_stops_says_so(site: &Site) {
    let mut socket = with_token(site).await;
    next(&mut socket).await.unwrap();
    site.stop();
    match tokio::time::timeout(Duration::from_secs(5), socket.next()).await.expect("it stayed open") {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
}
