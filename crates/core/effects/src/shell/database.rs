//! Clients of databases: their statements are read by the parser for SQL.

use crate::shell::found::Many;
use crate::shell::options::Act;
use crate::shell::run::Call;
use crate::shell::walk::Shell;
use crate::sql::{self, Dialect};
use holdshort_model::{ActionEffect, Verb};

pub(super) const PSQL: &str = "c,command=:o f,file=:o d,dbname= h,host=:u p,port= U,username= w,no-password W v,set,variable= o,output=:w L,log-file=:w A,no-align t,tuples-only \
    q,quiet X,no-psqlrc 1,single-transaction l,list E e a b H,html x,expanded z 0 F= R= P,pset= csv V,version:l help:l s S n";
pub(super) const MYSQL: &str = "e,execute=:o D,database= h,host=:u P,port= u,user= p,password=? S,socket= B,batch N,skip-column-names s,silent v,verbose f,force t,table H X E q r \
    defaults-file,defaults-extra-file=:x init-command=:o pager=?:x tee=:w ssl-mode= default-character-set= A V,version:l protocol= C local-infile=?:x";
pub(super) const SQLITE: &str = "-header csv json line list column box table markdown tabs separator= nullvalue= batch bail readonly cmd=:o init=:x version:l help:l echo stats safe noheader html quote ascii newline= vfs=:x";

/// `psql -c SQL`, `mysql -e SQL`, `sqlite3 FILE SQL`.
pub(super) fn run(shell: &mut Shell, call: &Call<'_>) {
    if call.options.has(Act::Looks) {
        return;
    }
    let mut texts: Vec<String> = Vec::new();
    for given in call.options.given.iter().filter(|given| given.act == Act::Own) {
        if given.name == "f" {
            shell.found.file(Verb::Read, &given.value, &shell.cwd, Many::Each);
            shell.found.unprovable(call.name);
        } else {
            texts.push(given.value.text.clone());
        }
    }
    let mut operands = call.options.operands.iter();
    if call.name == "sqlite3" {
        if let Some(file) = operands.next() {
            shell.found.file(Verb::Write, file, &shell.cwd, Many::Each);
        }
        texts.extend(operands.map(|operand| operand.text.clone()));
    }
    texts.extend(call.input.map(|input| input.text.clone()));
    if texts.is_empty() {
        // Whatever stands at its input.
        shell.found.unprovable(call.name);
    }
    for text in &texts {
        // Commands of the client itself, which can run programs: `\! id`, `.shell id`.
        if text.lines().any(is_command) || text.contains("\\!") {
            shell.found.unprovable(call.name);
        }
        shell.found.extend(statements(text, call.name));
    }
}

fn statements(text: &str, client: &str) -> Vec<ActionEffect> {
    let text: String = text.lines().filter(|line| !is_command(line)).collect::<Vec<_>>().join("\n");
    if text.trim().is_empty() { Vec::new() } else { sql::effects(&text, Dialect::of_name(client)) }
}

fn is_command(line: &str) -> bool {
    line.trim_start().starts_with(['\\', '.'])
}
