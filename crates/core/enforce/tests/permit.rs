//! A permit cannot be made, copied or used twice: shown by programs that do not compile.

#[test]
fn a_permit_cannot_be_forged_cloned_or_used_twice() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/forged/*.rs");
}
