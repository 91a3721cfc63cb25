//! A connector that uses the part of WASI that its settings name: `{"do":"clock"}`. Its imports are
//! those of toolchains that link WASI by themselves, in the version of one of them.

wit_bindgen::generate!({
    path: ["../../../wit", "wasi.wit"],
    inline: "
        package test:with-wasi;

        world with-wasi {
            import wasi:cli/environment@0.2.6;
            import wasi:cli/exit@0.2.6;
            import wasi:cli/stdin@0.2.6;
            import wasi:cli/stdout@0.2.6;
            import wasi:cli/stderr@0.2.6;
            import wasi:cli/terminal-stdout@0.2.6;
            import wasi:clocks/monotonic-clock@0.2.6;
            import wasi:clocks/wall-clock@0.2.6;
            import wasi:filesystem/preopens@0.2.6;
            import wasi:filesystem/types@0.2.6;
            import wasi:random/insecure-seed@0.2.6;
            import wasi:random/random@0.2.6;
            import wasi:sockets/instance-network@0.2.6;
            import wasi:sockets/tcp-create-socket@0.2.6;
            include muster:connector/connector@0.1.0;
        }
    ",
    world: "test:with-wasi/with-wasi",
    generate_all,
});

use exports::muster::connector::lifecycle::{Context, Event, Exchange, Guest, Refusal, Step};
use muster::connector::types::{Account, Membership, Outcome, Visibility};
use wasi::cli::{environment, exit, stderr, stdin, stdout, terminal_stdout};
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::filesystem::preopens;
use wasi::io::poll;
use wasi::random::{insecure_seed, random};
use wasi::sockets::network::IpAddressFamily;
use wasi::sockets::{instance_network, tcp_create_socket};

const MANIFEST: &str = r#"{
    "name": "with-wasi",
    "version": "1.0.0",
    "description": "Was built for a system: DATE.",
    "membership": "three-state",
    "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
    "settings": { "type": "object" }
}"#;

struct WithWasi;

impl Guest for WithWasi {
    fn describe() -> String {
        let now = wall_clock::now().seconds;
        MANIFEST.replace("DATE", &format!("{now}, {}", random::get_random_u64()))
    }

    fn decide(context: Context, _: Event, _: Vec<Exchange>) -> Result<Step, Refusal> {
        // {"do":"…"}: the fourth part when split at quotation marks.
        let note = match context.settings.split('"').nth(3).unwrap_or_default() {
            "files" => format!("{:?}", preopens::get_directories().len()),
            "sockets" => {
                let _network = instance_network::instance_network();
                let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4);
                socket.err().map_or("a socket", |error| error.name()).to_owned()
            }
            "environment" => {
                let (variables, arguments) =
                    (environment::get_environment(), environment::get_arguments());
                let directory = environment::initial_cwd();
                let terminal = terminal_stdout::get_terminal_stdout().is_some();
                format!("{variables:?} {arguments:?} {directory:?} {terminal}")
            }
            "clock" => {
                let now = wall_clock::now();
                format!("{}.{:09} {}", now.seconds, now.nanoseconds, monotonic_clock::now())
            }
            "sleep" => {
                let begun = monotonic_clock::now();
                let waiting = [1, u64::MAX].map(monotonic_clock::subscribe_duration);
                let ready = poll::poll(&waiting.each_ref()[..]);
                waiting[1].block();
                format!("{ready:?} {}", monotonic_clock::now() - begun)
            }
            "random" => {
                let (bytes, seed) = (random::get_random_bytes(5), insecure_seed::insecure_seed());
                format!("{bytes:?} {seed:?}")
            }
            "random-flood" => format!("{:?}", random::get_random_bytes(1 << 40).len()),
            "stdin" => format!("{:?}", stdin::get_stdin().blocking_read(7).is_err()),
            "print" => {
                print("one\ntwo\nthree");
                stderr::get_stderr().blocking_write_and_flush(b"careful\n").unwrap();
                print(" and four");
                "printed".to_owned()
            }
            "print-flood" => {
                (0..10_000).for_each(|_| print("line\n"));
                print(&"x".repeat(1 << 20));
                "flooded".to_owned()
            }
            "handle-flood" => {
                let handles: Vec<_> = (0..1_000_000).map(|_| stdout::get_stdout()).collect();
                handles.len().to_string()
            }
            "handles" => {
                (0..10_000).for_each(|_| drop(stdout::get_stdout()));
                "dropped".to_owned()
            }
            "exit" => {
                print("good-bye");
                exit::exit(Ok(()));
                "still here".to_owned()
            }
            other => panic!("I cannot do {other:?}"),
        };
        let account =
            Account { id: "7".to_owned(), membership: Membership::Active, data: "{}".to_owned() };
        let visibility = Visibility::Present;
        Ok(Step::Done(Outcome { account: Some(account), visibility, note }))
    }
}

export!(WithWasi);

fn print(text: &str) {
    let stdout = stdout::get_stdout();
    assert!(stdout.check_write().unwrap() > 0);
    stdout.write(text.as_bytes()).unwrap();
    stdout.blocking_flush().unwrap();
}
