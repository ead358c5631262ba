//! What is sent, to the letter, under each way of saying it.

use serde_json::Value;

use crate::support::{Customer, Record, World, rows, sheet};

/// What arrives when this sheet is sent under this config, as `requests.arrived` tells it.
#[derive(serde::Deserialize)]
struct Sent {
    promise: String,
    #[serde(default)]
    config: String,
    sheet: String,
    /// Whether nobody logs in for it.
    anonymous: bool,
    path: String,
    /// JSON.
    bodies: Vec<String>,
}

#[test]
fn what_arrives_is_as_the_table_says_and_as_a_check_shows() {
    for sent in rows::<Sent>("requests.arrived") {
        let (world, promise) = (World::with_server(), &sent.promise);
        world.file("session.pem", rows::<String>("requests.key").concat());
        world.config(&sent.config);
        world.file("customers.csv", &sent.sheet);
        let mut run = world.send("customers.csv --concurrency 1");
        if sent.anonymous {
            let gone = run.without_envs(["VLENS_USERNAME", "VLENS_PASSWORD"]);
            run = gone.env("VLENS_PASSWORD_FILE", "gone");
        }
        run.ends(0);
        let arrived = world.invitations();
        assert!(arrived.iter().all(|one| one.path == sent.path), "{promise}");
        let json = |body: &String| serde_json::from_str(body).expect(body);
        let bodies: Vec<Value> = arrived.iter().map(Record::json).collect();
        let expected: Vec<Value> = sent.bodies.iter().map(json).collect();
        assert_eq!(bodies, expected, "{promise}");
        let logins = usize::from(!sent.anonymous);
        assert_eq!(world.server_log().len(), logins + arrived.len());
        let shown = world.ran("check customers.csv --show 9", 0);
        assert!(shown.stdout.lines().eq(world.bodies()), "{shown}");
    }
}

#[test]
fn standard_input_is_a_sheet() {
    let world = World::with_server();
    let text = "phone,contractTypeId\n01012345678,414\n";
    world.send("-").stdin(text).ends(0);
    let again = world.send("-").stdin(text).ends(0).json();
    assert_eq!(again["counts"]["already_created"], 1);
    assert_eq!(again["source"], "-");
    let checked = world.line("check - --json");
    let checked = checked.stdin(format!("{text}1,414\n")).ends(3);
    checked.complains_of("standard input: 1 row is not valid");
    // What only a person knows of it.
    let tabs = "phone\tfullName,a,b,c,d\n01012345678\tMona,1,2,3,4\n";
    let check = world.line("check - --json --contract-type 414 --delimiter tab");
    assert_eq!(check.stdin(tabs).ends(0).json()["valid"], 1);
}

#[test]
fn each_row_goes_where_its_own_request_belongs_whatever_else_is_due() {
    let world = World::with_server();
    for (kind, file, ns) in [
        ("auth", "a.csv", [0, 1, 2]),
        ("invitation", "b.csv", [3, 4, 2]),
    ] {
        world.config(&format!("[session]\nkind = \"{kind}\"\n"));
        world.file(file, sheet(&ns.map(Customer::new)));
        world.sent(&format!("{file} --limit 1"), 4);
    }
    world.ran("resume 1 --rate unlimited", 0);
    for arrived in world.invitations() {
        let is_invitation = arrived.json()["SessionInput"].is_object();
        assert_eq!(arrived.path.ends_with("CreateInvitation"), is_invitation);
    }
    assert_eq!(world.accepted().len(), 4);
}
