//! Customers by the number: valid, different from each other, and outside the sandbox's magic block.

use std::fmt::Write as _;

/// One row of a sheet whose headers are the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// As it stands in the sheet.
    pub phone: String,
    /// Of the sandbox: 414 or 415.
    pub contract_type: u32,
    pub name: String,
    pub income: String,
}

impl Customer {
    /// The `n`-th customer.
    pub fn new(n: usize) -> Customer {
        Customer {
            phone: format!("+2010{:08}", 10_000_000 + n),
            contract_type: if n.is_multiple_of(2) { 414 } else { 415 },
            name: format!("Customer {n}"),
            income: format!("{}", 5_000 + n),
        }
    }

    /// The same with another phone, such as a magic one.
    pub fn phone(mut self, phone: &str) -> Customer {
        phone.clone_into(&mut self.phone);
        self
    }

    /// The same with another name.
    pub fn name(mut self, name: &str) -> Customer {
        name.clone_into(&mut self.name);
        self
    }
}

pub fn customers(n: usize) -> Vec<Customer> {
    (0..n).map(Customer::new).collect()
}

/// Their sheet as CSV.
pub fn sheet<'a>(customers: impl IntoIterator<Item = &'a Customer>) -> String {
    let mut text = String::from("phoneNumber,contractTypeId,fullName,monthlyIncome\n");
    for one in customers {
        let (phone, id) = (&one.phone, one.contract_type);
        writeln!(text, "{phone},{id},{},{}", one.name, one.income).expect("a text");
    }
    text
}
