//! A proxy between the host and the app, which makes trouble by rules: it refuses calls, cuts
//! connections before or after the effect, holds calls until the test releases them, and is down.
//!
//! A call that is held before its effect reaches the app when the test releases it, even if the
//! host has closed the connection or has been killed since: it is the late call of a real network.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::{Muster, client};

/// A running proxy. It stops when it is dropped; calls that are held then never reach the app.
pub(crate) struct Meddler {
    address: SocketAddr,
    proxy: Arc<Proxy>,
    /// Bound to the address, and not listening: keeps the port while the proxy is down.
    _port: TcpSocket,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// What happens to matching calls.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The beginning of matching calls: method, a space, and path, such as `PUT /organizations`.
    pattern: String,
    /// The number of matching calls that pass unharmed before the first trouble.
    passing: u32,
    /// The number of calls that meet trouble.
    times: u32,
    trouble: Trouble,
}

/// A call that is held, or will be. Dropping it does not release the call.
#[derive(Debug)]
pub(crate) struct Held {
    arrived: watch::Receiver<bool>,
    finished: watch::Receiver<bool>,
    hang_up: Option<oneshot::Sender<()>>,
    release: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum Trouble {
    /// The proxy responds, and the app does not receive the call.
    Refuse {
        status: u16,
        message: String,
    },
    /// The connection is closed, and the app does not receive the call.
    CutBefore,
    /// The app carries out the call, and the connection is closed instead of a response.
    CutAfter,
    Hold(Hold),
}

#[derive(Debug)]
struct Hold {
    /// Whether the app carries out the call before it is held.
    after: bool,
    arrived: watch::Sender<bool>,
    finished: watch::Sender<bool>,
    hung_up: oneshot::Receiver<()>,
    released: oneshot::Receiver<()>,
}

struct Proxy {
    app_url: String,
    http: reqwest::Client,
    rules: Mutex<VecDeque<Rule>>,
    down: watch::Sender<bool>,
    seen: Mutex<Vec<String>>,
}

/// The error that makes hyper close a connection without a response.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut, as ordered")
    }
}

impl std::error::Error for Cut {}

type Reply = Result<Response<Full<Bytes>>, Cut>;

impl Meddler {
    /// A proxy before the app at this URL.
    pub(crate) async fn start(app_url: &str) -> Self {
        let port = socket();
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = port.local_addr().unwrap();
        let proxy = Arc::new(Proxy {
            app_url: app_url.to_owned(),
            http: client(),
            rules: Mutex::default(),
            down: watch::Sender::new(true),
            seen: Mutex::default(),
        });
        let meddler = Self { address, proxy, _port: port, accepting: Mutex::default() };
        meddler.up();
        meddler
    }

    /// A proxy before the sample app, as the endpoint of the apps that the test creates from now on.
    pub(crate) async fn before(muster: &mut Muster) -> Self {
        let meddler = Self::start(&muster.stage.app_url).await;
        muster.stage.app_url = meddler.url();
        meddler
    }

    /// The URL of the proxy, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a rule. A call meets the first rule that it matches and that is not used up.
    pub(crate) fn apply(&self, rule: Rule) {
        self.proxy.rules.lock().unwrap().push_back(rule);
    }

    /// Holds the next matching call before the app receives it.
    pub(crate) fn hold_before(&self, pattern: impl Into<String>) -> Held {
        self.hold(pattern, false)
    }

    /// Holds the response to the next matching call, after the app has carried it out.
    pub(crate) fn hold_after(&self, pattern: impl Into<String>) -> Held {
        self.hold(pattern, true)
    }

    fn hold(&self, pattern: impl Into<String>, after: bool) -> Held {
        let (hang_up, hung_up) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let (arrived, seen) = watch::channel(false);
        let (finished, over) = watch::channel(false);
        let trouble = Trouble::Hold(Hold { after, arrived, finished, hung_up, released });
        self.apply(Rule::new(pattern, trouble));
        let (hang_up, release) = (Some(hang_up), Some(release));
        Held { arrived: seen, finished: over, hang_up, release }
    }

    /// Refuses connections from now on, and cuts the next call on each existing one.
    pub(crate) fn down(&self) {
        self.proxy.down.send_replace(true);
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.abort();
        }
    }

    /// Accepts connections again.
    pub(crate) fn up(&self) {
        if !self.proxy.down.send_replace(false) {
            return;
        }
        let socket = socket();
        socket.bind(self.address).unwrap();
        let listener = socket.listen(1024).unwrap();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&self.proxy)));
        *self.accepting.lock().unwrap() = Some(accepting);
    }

    /// Removes all rules, and accepts connections. Held calls stay held.
    pub(crate) fn heal(&self) {
        self.proxy.rules.lock().unwrap().clear();
        self.up();
    }

    /// The calls that the host sent, in order, as method and path.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.proxy.seen.lock().unwrap().clone()
    }

    /// The number of calls with this beginning that the host sent.
    pub(crate) fn count(&self, pattern: &str) -> usize {
        self.seen().iter().filter(|call| call.starts_with(pattern)).count()
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.down();
    }
}

impl Rule {
    /// Refuses the next matching call with a status and a message in the sample app's form.
    pub(crate) fn refuse(pattern: impl Into<String>, status: u16, message: &str) -> Self {
        Self::new(pattern, Trouble::Refuse { status, message: message.to_owned() })
    }

    /// Closes the connection of the next matching call before the app receives it.
    pub(crate) fn cut_before(pattern: impl Into<String>) -> Self {
        Self::new(pattern, Trouble::CutBefore)
    }

    /// Closes the connection of the next matching call after the app has carried it out.
    pub(crate) fn cut_after(pattern: impl Into<String>) -> Self {
        Self::new(pattern, Trouble::CutAfter)
    }

    fn new(pattern: impl Into<String>, trouble: Trouble) -> Self {
        Self { pattern: pattern.into(), passing: 0, times: 1, trouble }
    }

    /// Begins with the nth matching call, counted from 1.
    pub(crate) fn starting_at(self, n: u32) -> Self {
        Self { passing: n - 1, ..self }
    }

    /// For this many calls.
    pub(crate) fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// For all calls until [`Meddler::heal`].
    pub(crate) fn always(self) -> Self {
        self.times(u32::MAX)
    }
}

impl Held {
    /// Waits until the proxy holds the call.
    pub(crate) async fn arrived(&mut self) {
        let arrived = self.arrived.wait_for(|arrived| *arrived);
        tokio::time::timeout(Duration::from_secs(10), arrived)
            .await
            .expect("the call should arrive within 10 s")
            .unwrap();
    }

    /// Closes the connection to the host without a response. The call stays held, and reaches the app
    /// when it is released.
    pub(crate) fn hang_up(&mut self) {
        let hang_up = self.hang_up.take().expect("a connection is closed once");
        hang_up.send(()).expect("the call should be held, or be expected");
    }

    /// Lets the call go on, and waits until the app has answered it.
    pub(crate) async fn release(mut self) {
        let release = self.release.take().expect("a call is released once");
        release.send(()).expect("the call should be held, or be expected");
        drop(self.finished.wait_for(|finished| *finished).await);
    }
}

fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket
}

async fn accept(listener: TcpListener, proxy: Arc<Proxy>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, Arc::clone(&proxy)));
    }
}

/// Serves one connection until its end, or until the proxy goes down while it is idle.
async fn serve(stream: TcpStream, proxy: Arc<Proxy>) {
    let service = service_fn(|request| {
        let proxy = Arc::clone(&proxy);
        let (answer, answered) = oneshot::channel();
        // In a task of its own: a call outlives its connection.
        tokio::spawn(async move { proxy.handle(request, answer).await });
        async move { answered.await.unwrap_or(Err(Cut)) }
    });
    // The result says that the host or a rule has closed the connection.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

impl Proxy {
    /// Handles one call. The connection is closed if the sender is dropped without an answer.
    async fn handle(&self, request: Request<Incoming>, respond: oneshot::Sender<Reply>) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let call = format!("{} {path}", request.method());
        self.seen.lock().unwrap().push(call.clone());
        if *self.down.borrow() {
            return;
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return };
        let body = body.to_bytes();
        let trouble = self.trouble(&call);
        let call = || self.forward(&parts, body.clone());
        // The host may have closed the connection: a reply then goes nowhere.
        match trouble {
            None => drop(respond.send(call().await)),
            Some(Trouble::Refuse { status, message }) => {
                drop(respond.send(Ok(refusal(status, &message))));
            }
            Some(Trouble::CutBefore) => {}
            Some(Trouble::CutAfter) => drop(call().await),
            Some(Trouble::Hold(hold)) => hold.around(call, respond).await,
        }
    }

    /// Takes the trouble that a call meets, if there is a rule for it.
    fn trouble(&self, call: &str) -> Option<Trouble> {
        let mut rules = self.rules.lock().unwrap();
        let at = rules.iter().position(|rule| call.starts_with(&rule.pattern))?;
        let rule = &mut rules[at];
        if rule.passing > 0 {
            rule.passing -= 1;
            return None;
        }
        if rule.times > 1 {
            rule.times -= 1;
            return rule.trouble.again();
        }
        rules.remove(at).map(|rule| rule.trouble)
    }

    async fn forward(&self, parts: &http::request::Parts, body: Bytes) -> Reply {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers.clone();
        headers.remove("host");
        let request = self.http.request(parts.method.clone(), format!("{}{path}", self.app_url));
        let response = request.headers(headers).body(body).send().await.map_err(|_| Cut)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|_| Cut)?;
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        answer.headers_mut().remove("transfer-encoding");
        Ok(answer)
    }
}

impl Trouble {
    /// The same trouble for another call. A hold is for one call.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Refuse { status, message } => {
                Some(Self::Refuse { status: *status, message: message.clone() })
            }
            Self::CutBefore => Some(Self::CutBefore),
            Self::CutAfter => Some(Self::CutAfter),
            Self::Hold(_) => None,
        }
    }
}

impl Hold {
    async fn around<F>(self, call: impl FnOnce() -> F, respond: oneshot::Sender<Reply>)
    where
        F: Future<Output = Reply>,
    {
        let Self { after, arrived, finished, hung_up, mut released } = self;
        let mut call = Some(call);
        let mut reply = None;
        if after && let Some(call) = call.take() {
            reply = Some(call().await);
        }
        arrived.send_replace(true);
        let mut respond = Some(respond);
        // The senders are dropped without a signal at the end of the test.
        let release = tokio::select! {
            release = &mut released => release,
            _ = hung_up => {
                respond = None;
                released.await
            }
        };
        if release.is_err() {
            return;
        }
        if let Some(call) = call {
            reply = Some(call().await);
        }
        if let (Some(respond), Some(reply)) = (respond, reply) {
            drop(respond.send(reply));
        }
        finished.send_replace(true);
    }
}

fn refusal(status: u16, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "error": "refused", "message": message }).to_string();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status.try_into().expect("a status of three digits");
    answer.headers_mut().insert("content-type", "application/json".parse().expect("a media type"));
    answer
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    /// Asks the app for its people, through the proxy.
    async fn ask(meddler: &Meddler) -> reqwest::Result<StatusCode> {
        let url = format!("{}/users", meddler.url());
        client().get(url).bearer_auth("app").send().await.map(|answer| answer.status())
    }

    async fn app() -> (muster::sample::Sample, Meddler) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sample = muster::sample::serve(listener, "app").unwrap();
        let meddler = Meddler::start(&sample.base_url()).await;
        (sample, meddler)
    }

    #[tokio::test]
    async fn the_proxy_refuses_the_calls_of_a_rule_and_forwards_the_others() {
        let (sample, meddler) = app().await;
        meddler.apply(Rule::refuse("GET /users", 402, "no").starting_at(2).times(2));
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(ask(&meddler).await.unwrap().as_u16());
        }
        assert_eq!(answers, [200, 402, 402, 200]);
        assert_eq!((sample.log().len(), meddler.count("GET /users")), (2, 4));
    }

    #[tokio::test]
    async fn the_proxy_cuts_a_connection_before_or_after_the_effect() {
        let (sample, meddler) = app().await;
        meddler.apply(Rule::cut_before("GET /users"));
        ask(&meddler).await.unwrap_err();
        assert_eq!(sample.log().len(), 0);
        meddler.apply(Rule::cut_after("GET /users"));
        ask(&meddler).await.unwrap_err();
        assert_eq!(sample.log().len(), 1);
    }

    #[tokio::test]
    async fn a_held_call_reaches_the_app_after_its_client_is_gone() {
        let (sample, meddler) = app().await;
        let mut held = meddler.hold_before("GET /users");
        {
            let asked = ask(&meddler);
            tokio::select! {
                _ = asked => panic!("the call should be held"),
                () = held.arrived() => {}
            }
        }
        assert_eq!(sample.log().len(), 0);
        held.release().await;
        assert_eq!(sample.log().len(), 1);
    }

    #[tokio::test]
    async fn the_proxy_refuses_connections_while_it_is_down() {
        let (_sample, meddler) = app().await;
        meddler.down();
        tokio::task::yield_now().await;
        assert!(ask(&meddler).await.unwrap_err().is_connect());
        meddler.up();
        assert_eq!(ask(&meddler).await.unwrap(), StatusCode::OK);
    }
}
