//! What is sent, to the letter, under each way of saying it.

use serde_json::{Value, json};

use crate::support::World;

/// The bodies that arrived, and where.
fn arrived(world: &World) -> Vec<(String, Value)> {
    let requests = world.invitations().into_iter();
    requests.map(|one| (one.path.clone(), one.json())).collect()
}

const INVITATION: &str = "/api/IdentityUserSession/CreateInvitation";

#[test]
fn headers_alone_are_a_mapping() {
    let world = World::with_server();
    let text = "Mobile,E-mail,fullName,415.carModel,contractTypeId,_note,#\n\
                01012345678,mona@example.com,Mona Adel,,414,private,1\n\
                ,omar@example.com,,Niva,\"414, 415\",,2\n";
    world.file("customers.csv", text);
    world.sent("customers.csv --concurrency 1", 0);
    let permissions = |types: Value| json!({"allowedContractTypeIds": types, "minimalSignatureFlow": true, "DigitalIdentityOnly": false});
    let expected = vec![
        (
            INVITATION.to_owned(),
            json!({"SessionInput": {
                "phoneNumber": "+201012345678",
                "email": "mona@example.com",
                "sessionPermissions": permissions(json!([414])),
                "RequestFieldsValues": {"414": {"fullName": "Mona Adel"}}}}),
        ),
        (
            INVITATION.to_owned(),
            json!({"SessionInput": {
                "email": "omar@example.com",
                "sessionPermissions": permissions(json!([414, 415])),
                "RequestFieldsValues": {"415": {"carModel": "Niva"}}}}),
        ),
    ];
    assert_eq!(arrived(&world), expected);
}

#[test]
fn sessions_without_fields_need_no_admin() {
    let world = World::with_server();
    let key = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
    world.file("session.pem", key);
    world.config(
        "[session]\nkind = \"auth\"\nminimal_signature_flow = false\ndigital_identity_only = true\n\
         user_public_key_file = \"session.pem\"\n[contract]\ntypes = [414]\n",
    );
    world.file("customers.csv", "phone\n01012345678\n");
    let anonymous = world.send("customers.csv");
    let anonymous = anonymous.without_envs(["VLENS_USERNAME", "VLENS_PASSWORD"]);
    assert_eq!(anonymous.ends(0).json()["requests"], 1);
    let permissions = json!({"allowedContractTypeIds": [414], "minimalSignatureFlow": false, "DigitalIdentityOnly": true});
    let expected = json!({"phoneNumber": "+201012345678", "userPublicKey": key, "sessionPermissions": permissions});
    let path = "/api/IdentityUserSession/CreateAuthSession".to_owned();
    assert_eq!(arrived(&world), [(path, expected)]);
    assert_eq!(world.server_log().len(), 1, "no login");
}

#[test]
fn the_whole_mapping_language() {
    let world = World::with_server();
    world.config(
        r#"
[recipient]
phone = "Mobile"
[contract]
column = "Product"
values = { "Loan" = 414, "Both" = [414, 415] }
[fields.414]
fullName = "Name"
monthlyIncome = { column = "Income", type = "number" }
birthDate = { column = "DOB", type = "date", input = "%d/%m/%Y", output = "%d.%m.%Y" }
hasGuarantor = { column = "Guarantor", type = "boolean" }
employer = { column = "Employer", default = "-" }
address = { template = "{{ row['Street'] }}, {{ row['City'] }}" }
currency = { value = "EGP" }
maritalStatus = { column = "Status", type = "choice", choices = { "أعزب" = "Single" } }
[fields.415]
carModel = "Name"
"#,
    );
    world.file(
        "customers.csv",
        "Name;Mobile;Product;Income;DOB;Guarantor;Employer;Street;City;Status\n\
         منى;٠١٠١٢٣٤٥٦٧٨;Loan;12,500.50;05/03/1990;نعم;;Nile St;Cairo;اعزب\n\
         Omar;1112345678;Both;;;no;Acme;Tahrir;Giza;\n",
    );
    world.sent("customers.csv --concurrency 1", 0);
    let fields: Vec<Value> = arrived(&world)
        .into_iter()
        .map(|(_, body)| body["SessionInput"]["RequestFieldsValues"].clone())
        .collect();
    let expected = [
        json!({"414": {"fullName": "منى", "monthlyIncome": "12500.50", "birthDate": "05.03.1990", "hasGuarantor": "true",
            "employer": "-", "address": "Nile St, Cairo", "currency": "EGP", "maritalStatus": "Single"}}),
        json!({"414": {"fullName": "Omar", "hasGuarantor": "false", "employer": "Acme", "address": "Tahrir, Giza",
            "currency": "EGP"}, "415": {"carModel": "Omar"}}),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn standard_input_is_a_sheet() {
    let world = World::with_server();
    let text = "phone,contractTypeId\n01012345678,414\n";
    world.send("-").stdin(text).ends(0);
    let again = world.send("-").stdin(text).ends(0).json();
    assert_eq!(again["counts"]["already_created"], 1);
    assert_eq!(again["source"], "-");
    let checked = world.line("check - --json").stdin(text).ends(0);
    assert_eq!(checked.json()["valid"], 1);
    // What only a person knows of it.
    let tabs = "phone\tfullName,a,b,c,d\n01012345678\tMona,1,2,3,4\n";
    let check = world.line("check - --json --contract-type 414 --delimiter tab");
    assert_eq!(check.stdin(tabs).ends(0).json()["valid"], 1);
}
